package hostile

import (
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"vodmr/test/kit/dialogue"
)

// A script is a dialogue in a file of test/data/hostile. Each line is one of:
//
//	C: text         send the text and CRLF
//	C+ text         the same, in one write with the next line that is sent
//	C~ text         send the text without CRLF
//	C! text         send the text and CRLF, even if nobody reads it
//	S: pattern      the next line matches; * stands for any text
//	S* pattern      some line from here on matches; those before it are skipped
//	C: <end>        close the sending direction
//	S: <end>        the connection has ended and nothing is left to read
//	S* <end>        the connection ends; anything may come before
//	LOGIN a b       log in as a with password b by CRAM-MD5
//	TLS             do the TLS handshake
//	NEW             close the connection, and open another one
//	LET name text   remember a text, as {name}
//	# ...           a comment
//
// In a text, \r \n \0 \s \xHH and \\ are bytes, and a word in braces is replaced:
//
//	{b64 text}        its base64
//	{x1000 text}      the text 1000 times
//	{challenge}       the last reply 334, decoded
//	{digest text}     the CRAM-MD5 digest of {challenge} with this password
//	{name}            the text that LET remembered
type script struct {
	t    *testing.T
	peer *peer
	vars map[string]string
	held string // the text of C+
}

// play runs all lines; dial makes the peers.
func play(t *testing.T, text string, dial func() *peer) {
	t.Helper()
	s := &script{t: t, peer: dial(), vars: map[string]string{}}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		verb, rest, _ := strings.Cut(line, " ")
		switch verb {
		case "", "#":
		case "NEW":
			s.peer.finish()
			s.peer = dial()
		default:
			s.step(verb, rest)
		}
		if t.Failed() {
			t.Fatalf("at the line %q", line)
		}
	}
	s.peer.finish()
}

func (s *script) step(verb, rest string) {
	s.t.Helper()
	text := s.expand(rest)
	switch {
	case verb == "C:" && text == "<end>":
		s.peer.CloseWrite()
	case verb == "C:":
		s.peer.Send(s.held + text + "\r\n")
		s.held = ""
	case verb == "C+":
		s.held += text + "\r\n"
	case verb == "C~":
		s.peer.Send(s.held + text)
		s.held = ""
	case verb == "C!":
		s.peer.push(text + "\r\n")
	case verb == "S:" && text == "<end>":
		s.peer.ExpectEnd()
	case verb == "S:":
		s.heard(s.peer.Expect(text))
	case verb == "S*" && text == "<end>":
		s.peer.drain()
	case verb == "S*":
		for !dialogue.Match(text, s.peer.Expect("*")) {
		}
	case verb == "LOGIN":
		login, password, _ := strings.Cut(text, " ")
		s.peer.Login(login, password)
	case verb == "LET":
		name, value, _ := strings.Cut(text, " ")
		s.vars[name] = value
	case verb == "TLS":
		s.peer.handshake()
	default:
		s.t.Fatalf("no such line: %s %s", verb, rest)
	}
}

// heard remembers a challenge if the line is one.
func (s *script) heard(line string) {
	if text, ok := strings.CutPrefix(line, "334 "); ok {
		challenge, _ := base64.StdEncoding.DecodeString(text)
		s.vars["challenge"] = string(challenge)
	}
}

var (
	escape = regexp.MustCompile(`\\(x[0-9a-f]{2}|.)`)
	brace  = regexp.MustCompile(`(?s)\{[^{}]*\}`)
)

// expand replaces escapes by bytes, then the innermost braces, and so on outward.
func (s *script) expand(text string) string {
	text = escape.ReplaceAllStringFunc(text, s.escaped)
	for brace.MatchString(text) {
		text = brace.ReplaceAllStringFunc(text, s.braced)
	}
	return text
}

func (s *script) escaped(code string) string {
	switch code = code[1:]; code {
	case "r":
		return "\r"
	case "n":
		return "\n"
	case "0":
		return "\x00"
	case "s":
		return " "
	case `\`:
		return `\`
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(code, "x"), 16, 8)
	if err != nil {
		s.t.Fatalf(`no such escape: \%s`, code)
	}
	return string([]byte{byte(n)})
}

func (s *script) braced(text string) string {
	text = text[1 : len(text)-1]
	word, rest, _ := strings.Cut(text, " ")
	if value, ok := s.vars[text]; ok {
		return value
	}
	switch n, err := strconv.Atoi(strings.TrimPrefix(word, "x")); {
	case word == "b64":
		return base64.StdEncoding.EncodeToString([]byte(rest))
	case word == "digest":
		return dialogue.CRAM(rest, s.vars["challenge"])
	case err == nil:
		return strings.Repeat(rest, n)
	}
	s.t.Fatalf("no such braces: {%s}", text)
	return ""
}

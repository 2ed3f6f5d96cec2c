// Package filter owns how an SMTP dialogue is followed from outside the server: it stands
// between the network and an SMTP server that knows nothing of it (qmail-smtpd), refuses
// some recipients in the server's place, and passes everything else on as it is.
package filter

import (
	"bytes"
	"strconv"
	"strings"

	"vodmr/internal/address"
)

// A Dialogue follows one SMTP dialogue. It takes the bytes of both sides in the order in
// which they come, and returns the bytes for both. It does no input or output itself.
type Dialogue struct {
	// Refuse reports if a recipient is to be refused, and in which words. raw is the address
	// without quotes. It may take some seconds.
	Refuse func(raw string) (words string, refuse bool)
	// Blind is called once when nothing more can be seen.
	Blind func(why string)

	stage    stage
	held     []byte     // of the client, not looked at yet
	left     int64      // octets of a BDAT that are to come
	dot      int        // how much of the content's end was seen, see dotEnd
	expected []expected // replies that the server owes, in order; and ours between them
	replies  replies
	chunking bool // the server offered CHUNKING
	mail     bool // the server accepted a MAIL, and no reply behind it ended the transaction
}

// stage says what the client's next bytes are.
type stage int

const (
	stageCommand stage = iota
	stageLong          // the rest of a line that is too long to be looked at
	stageReply         // unknown until the server has answered
	stageLine          // one line that is no command, after 334
	stageData
	stageOctets // BDAT's
	stageBlind
)

// An expected reply is one that the server owes, or one of ours.
type expected struct {
	verb string // of the command; "" for the greeting and for commands of no account
	last bool   // BDAT LAST
	ours string // the words of a refusal of ours; "" for the server's
}

const (
	maxLine     = 4096     // bytes of a command that are looked at
	maxExpected = 1000     // replies
	maxHeld     = 64 << 10 // bytes
	dotEnd      = "\r\n.\r\n"
)

// New makes a Dialogue before the server's greeting.
func New() *Dialogue { return &Dialogue{expected: []expected{{}}} }

// Reads reports if more bytes of the client are wanted now.
func (d *Dialogue) Reads() bool { return len(d.held) < maxHeld }

// HasHeld reports if bytes of the client wait for a reply: they can still be passed on.
func (d *Dialogue) HasHeld() bool {
	return len(d.held) > 0 && (d.stage == stageReply || len(d.expected) >= maxExpected)
}

// FromClient takes bytes of the client.
func (d *Dialogue) FromClient(p []byte) (toServer, toClient []byte) {
	d.held = append(d.held, p...)
	return d.advance()
}

// advance looks at the held bytes as far as their meaning is known.
func (d *Dialogue) advance() (toServer, toClient []byte) {
	for len(d.held) > 0 && len(d.expected) < maxExpected {
		n, refused := d.step()
		if n == 0 {
			break
		}
		if !refused {
			toServer = append(toServer, d.held[:n]...)
		}
		d.held = d.held[:copy(d.held, d.held[n:])]
	}
	return toServer, d.sayOurs(nil)
}

// step looks at the next bytes. It returns how many were understood, 0 if more or a reply is
// needed, and if they are a command that is not passed on.
func (d *Dialogue) step() (n int, refused bool) {
	switch d.stage {
	case stageBlind:
		return len(d.held), false
	case stageData:
		return d.content(), false
	case stageOctets:
		return d.octets(), false
	case stageReply:
		return 0, false
	}
	n = bytes.IndexByte(d.held, '\n') + 1
	if d.stage == stageLong {
		return d.long(n), false
	}
	if n == 0 && len(d.held) < maxLine {
		return 0, false
	}
	if d.stage == stageLine {
		return d.line(n), false
	}
	if n == 0 {
		d.expect("")
		return d.long(n), false
	}
	return n, d.command(strings.TrimRight(string(d.held[:n]), "\r\n"))
}

// long passes on a line that is too long; n is where it ends, 0 if it does not yet.
func (d *Dialogue) long(n int) int {
	if n == 0 {
		d.stage = stageLong
		return len(d.held)
	}
	d.stage = stageCommand
	return n
}

// line passes on a line behind 334.
func (d *Dialogue) line(n int) int {
	if n == 0 {
		return len(d.held)
	}
	d.expect("AUTH")
	d.stage = stageReply
	return n
}

// content passes on content up to its end (RFC 5321 section 4.1.1.4). A server that also
// takes another end for it, such as LF . LF, sees commands that are not looked at here.
func (d *Dialogue) content() int {
	for i, c := range d.held {
		for d.dot > 0 && dotEnd[d.dot] != c {
			d.dot = 0
		}
		if dotEnd[d.dot] == c {
			d.dot++
		}
		if d.dot == len(dotEnd) {
			d.expect(".")
			d.stage = stageCommand
			return i + 1
		}
	}
	return len(d.held)
}

// octets passes on the octets of a BDAT (RFC 3030).
func (d *Dialogue) octets() int {
	n := min(d.left, int64(len(d.held)))
	if d.left -= n; d.left == 0 {
		d.stage = stageCommand
	}
	return int(n)
}

func (d *Dialogue) expect(verb string) { d.expected = append(d.expected, expected{verb: verb}) }

// command looks at a command. It reports if it is refused here.
func (d *Dialogue) command(line string) (refused bool) {
	verb, args, _ := strings.Cut(line, " ")
	verb = address.Upper(verb)
	if raw, ok := path(args); ok && verb == "RCPT" {
		if words, refuse := d.Refuse(raw); refuse {
			d.expected = append(d.expected, expected{verb: verb, ours: words})
			return true
		}
	}
	d.expect(verb)
	switch verb {
	case "HELO", "EHLO", "MAIL", "RCPT", "RSET", "NOOP", "VRFY", "EXPN", "HELP", "QUIT", "":
	case "BDAT":
		d.bdat(args)
	default:
		d.stage = stageReply // the next bytes may be something else than commands
	}
	return false
}

// bdat expects the octets of a BDAT, unless the server does not know the command: then it
// takes the octets for commands.
func (d *Dialogue) bdat(args string) {
	words := strings.Fields(args)
	if !d.chunking || len(words) == 0 {
		return
	}
	n, err := strconv.ParseInt(words[0], 10, 63)
	if err != nil || n < 0 {
		return
	}
	d.expected[len(d.expected)-1].last = len(words) > 1
	if d.left = n; n > 0 {
		d.stage = stageOctets
	}
}

// path is the address in the argument of RCPT, without quotes. Servers are liberal: qmail
// also takes one without <>.
func path(args string) (raw string, ok bool) {
	if start := strings.IndexByte(args, '<'); start >= 0 {
		args = args[start+1:]
	} else if _, after, colon := strings.Cut(args, ":"); colon {
		args = strings.TrimLeft(after, " ") + ">"
	} else {
		return "", false
	}
	if strings.HasPrefix(args, "@") { // a source route (RFC 5321 appendix C)
		_, after, colon := strings.Cut(args, ":")
		if !colon {
			return "", false
		}
		args = after
	}
	end := pathEnd(args)
	if end <= 0 {
		return "", false
	}
	return address.Unquote(args[:end]), true
}

// pathEnd is where an address ends: at > or a space that stands outside of quotes.
func pathEnd(text string) int {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '>' || c == ' '):
			return i
		}
	}
	return -1
}

package fetch

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vodmr/internal/address"
	"vodmr/smtp"
)

// fromProvider passes on what the provider sends, or answers it. The error is about the
// server.
func (g *guard) fromProvider(p []byte) error {
	g.mu.Lock()
	ended := g.ended
	g.mu.Unlock()
	if ended != nil {
		return ended
	}
	g.track.beginBlock()
	for len(p) > 0 {
		n, err := g.step(p)
		if err != nil {
			return err
		}
		p = p[n:]
	}
	if g.track.endBlock() {
		g.out = g.out[:0] // the server hears QUIT, see pump.leave
		return nil
	}
	return g.flush()
}

// step takes the next bytes whose meaning is the same, and returns how many.
func (g *guard) step(p []byte) (n int, err error) {
	if g.stage == guardReply {
		if err := g.await(0); err != nil {
			return 0, err
		}
		g.stage = guardCommands
		if g.startsData {
			g.stage, g.content = guardData, newDataGuard()
		}
	}
	switch g.stage {
	case guardData:
		return g.data(p), nil
	case guardChunk:
		return g.chunk(p), nil
	}
	return g.text(p)
}

// text takes one line, or the start of one. A line is passed on once it is whole.
func (g *guard) text(p []byte) (n int, err error) {
	end := bytes.IndexByte(p, '\n')
	if n = end + 1; end < 0 {
		n = len(p)
	}
	g.track.commands(p[:n])
	if g.long = g.long || len(g.line)+n > guardLine; !g.long {
		g.line = append(g.line, p[:n]...)
	}
	if end < 0 {
		return n, nil
	}
	if err := g.awaitSome(); err != nil {
		return n, err
	}
	line := string(bytes.TrimSuffix(bytes.TrimSuffix(g.line, []byte("\n")), []byte("\r")))
	if g.long {
		err = g.refuse(smtp.ReplyLineTooLong())
	} else {
		err = g.command(line)
	}
	g.line, g.long = g.line[:0], false
	return n, err
}

// awaitSome waits if the server owes very many replies.
func (g *guard) awaitSome() error {
	g.mu.Lock()
	many := len(g.expected) >= maxExpected
	g.mu.Unlock()
	if many {
		return g.await(maxExpected - 1)
	}
	return nil
}

// command takes one command.
func (g *guard) command(line string) error {
	verb, arg, _ := strings.Cut(line, " ")
	verb = address.Upper(verb)
	switch {
	case address.HasControl(line): // such as a CR, which some server takes for a line's end
		return g.refuse(smtp.NewReply(500, "5.5.2", "a command has no control characters"))
	case !passedVerb(verb):
		g.warn(verb)
		return g.refuse(replyNotPassedOn())
	case verb == "BDAT":
		return g.bdat(arg)
	}
	if reply := g.envelope(verb, arg); reply.Code != 0 {
		return g.refuse(reply)
	}
	g.expect(map[string]expectedKind{"EHLO": expectEHLO, "HELO": expectReset, "RSET": expectReset,
		"MAIL": expectMail, "RCPT": expectRcpt, "DATA": expectDATA}[verb])
	g.out = append(append(g.out, line...), "\r\n"...)
	if verb == "DATA" {
		g.stage = guardReply
	}
	if verb == "QUIT" {
		g.mu.Lock()
		g.quit = true
		g.mu.Unlock()
	}
	return nil
}

// passedVerb reports if a command is one that a provider needs.
func passedVerb(verb string) bool {
	return slices.Contains([]string{"EHLO", "HELO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "QUIT"}, verb)
}

// envelope is why MAIL or RCPT is not passed on; code 0 if it is.
func (g *guard) envelope(verb, arg string) smtp.Reply {
	if verb == "MAIL" && claimsLogin(arg) {
		return replyUnknownParameter("AUTH")
	}
	if verb != "RCPT" || len(g.Domains) == 0 {
		return smtp.Reply{}
	}
	recipient, params, reply := envelopeArgs(arg, "TO:")
	if reply.Code != 0 {
		return reply
	}
	if !isOneOf(recipient, g.Domains) || leadsElsewhere(recipient, arg) || slices.ContainsFunc(params, notParameter) {
		return replyNotHere()
	}
	return smtp.Reply{}
}

// claimsLogin reports if MAIL says who has logged in (RFC 4954 section 5), for any server: some
// look for parameters from the end of the line, so that quotes in the path do not hide one
// from them. No sender's own address has such a word.
func claimsLogin(arg string) bool {
	return slices.ContainsFunc(strings.Fields(arg), func(word string) bool {
		name, _, found := strings.Cut(word, "=")
		return found && address.Upper(name) == "AUTH"
	})
}

// leadsElsewhere reports if a server might take a part of the address for another host: a
// source route, or an address within the local part (RFC 5321 appendix C).
func leadsElsewhere(recipient path, arg string) bool {
	return strings.ContainsAny(recipient.local, `@%!<>"\`) || !strings.Contains(arg, "<"+recipient.text+">")
}

// notParameter reports if a word cannot be a parameter (RFC 5321 section 4.1.2), so that a
// server might take it for another address.
func notParameter(word string) bool {
	name, _, _ := strings.Cut(word, "=")
	return name == "" || strings.ContainsFunc(name, func(c rune) bool {
		return c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
}

// refuse answers a command in the server's place, behind the replies that it owes.
func (g *guard) refuse(r smtp.Reply) error {
	g.mu.Lock()
	g.expected = append(g.expected, expectedReply{ours: r.AppendTo(nil)})
	first := len(g.expected) == 1
	g.mu.Unlock()
	if first { // nobody else says it
		g.sayOurs()
	}
	return nil
}

// sayOurs says what is next of ours. If the provider takes nothing any more, the reading of
// its commands says so too.
func (g *guard) sayOurs() {
	g.speaking.Lock()
	defer g.speaking.Unlock()
	g.mu.Lock()
	text := g.takeOurs(nil)
	g.track.replies(text)
	g.mu.Unlock()
	_ = g.say(text)
}

// warn tells, once a session, that the provider said something that none needs to say.
func (g *guard) warn(verb string) {
	if g.Warn != nil && verb != "" {
		g.Warn(fmt.Errorf("the provider said %q, which is not passed on: mail needs no such command", verb[:min(len(verb), 20)]))
		g.Warn = nil
	}
}

// bdat takes BDAT (RFC 3030 section 2). The server hears of it if it has accepted a
// recipient. Otherwise the octets are read and dropped here, as it should do itself.
func (g *guard) bdat(arg string) error {
	size, last, err := chunkSize(arg)
	if err != nil {
		return g.refuse(smtp.ReplyBadArgument(err.Error()))
	}
	if err := g.await(0); err != nil {
		return err
	}
	g.mu.Lock()
	g.dropped = g.recipients == 0 || size > maxChunk
	g.inChunk, g.refused = !g.dropped && size > 0, false
	g.mu.Unlock()
	g.left, g.stage = size, guardChunk
	if !g.dropped {
		g.out = append(append(g.out, "BDAT "...), strconv.FormatInt(size, 10)...)
		kind := expectChunk
		if last {
			g.out, kind = append(g.out, " LAST"...), expectContent
		}
		g.out = append(g.out, "\r\n"...)
		g.expect(kind)
	}
	return g.endChunk()
}

// maxChunk is the largest chunk that is passed on, in bytes: no server counts it wrongly.
const maxChunk = 1<<31 - 1

var errChunk = errors.New("BDAT takes a number, and LAST")

// chunkSize reads BDAT's argument, and takes nothing that another might read in another way.
func chunkSize(arg string) (size int64, last bool, err error) {
	number, word, more := strings.Cut(arg, " ")
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil || more && address.Upper(word) != "LAST" {
		return 0, false, errChunk
	}
	return int64(n), more, nil
}

// chunk takes octets of a chunk. If the server has refused it already, and takes the rest
// for commands, it shall not find any there.
func (g *guard) chunk(p []byte) int {
	n := int(min(int64(len(p)), g.left))
	g.track.commands(p[:n])
	g.left -= int64(n)
	g.mu.Lock()
	g.inChunk = g.inChunk && g.left > 0
	refused := g.refused
	g.mu.Unlock()
	if refused {
		g.out = append(g.out, bytes.Repeat([]byte("\n"), n)...)
	} else if !g.dropped {
		g.out = append(g.out, p[:n]...)
	}
	_ = g.endChunk() // it is about the provider
	return n
}

// endChunk goes on behind a chunk's last octet.
func (g *guard) endChunk() error {
	if g.left > 0 {
		return nil
	}
	g.stage = guardCommands
	if g.dropped {
		return g.refuse(replyNoRecipient())
	}
	return nil
}

// data takes content behind DATA.
func (g *guard) data(p []byte) int {
	var n int
	var done bool
	g.out, n, done = g.content.pass(g.out, p)
	g.track.commands(p[:n])
	if done {
		g.stage = guardCommands
		g.expect(expectContent)
	}
	return n
}

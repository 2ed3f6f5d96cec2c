package fetch

import (
	"bytes"
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
	g.track.mu.Lock()
	defer g.track.mu.Unlock()
	if g.ended != nil {
		return g.ended
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
	if g.track.state == afterDATA {
		if err := g.await(0); err != nil {
			return 0, err
		}
		if g.track.state == afterDATA { // it was answered with 421
			g.track.state = inCommands
		}
	}
	switch g.track.state {
	case inData:
		return g.data(p), nil
	case inChunk:
		return g.chunk(p), nil
	}
	return g.text(p)
}

// text takes one line, or the start of one. A line is passed on once it is whole.
func (g *guard) text(p []byte) (n int, err error) {
	line, whole, n := g.track.line.feed(p, trackedLine)
	if !whole {
		return n, nil
	}
	if len(g.track.owed) >= maxExpected {
		if err := g.await(maxExpected - 1); err != nil {
			return n, err
		}
	}
	return n, g.command(line)
}

// command takes one command.
func (g *guard) command(line string) error {
	text := strings.TrimSuffix(line, "\r")
	verb, arg, _ := strings.Cut(text, " ")
	verb = address.Upper(verb)
	switch {
	case len(line) >= trackedLine: // with its end it is longer, or was cut
		return g.refuse(verb, line, smtp.ReplyLineTooLong())
	case address.HasControl(text): // such as a CR, which some server takes for a line's end
		return g.refuse(verb, line, smtp.NewReply(500, "5.5.2", "a command has no control characters"))
	case !passedVerb(verb):
		g.warn(verb)
		return g.refuse(verb, line, smtp.NewReply(502, "5.5.1", "a provider has no need of that here"))
	case verb == "BDAT":
		return g.bdat(line, arg)
	}
	if reply := g.envelope(verb, arg); reply.Code != 0 {
		return g.refuse(verb, line, reply)
	}
	g.obey(line, false)
	g.out = append(append(g.out, text...), "\r\n"...)
	if verb == "DATA" {
		g.content = newDataGuard()
	}
	return nil
}

// obey has the tracker follow a command. held says that the reply is to be ours, see answer.
func (g *guard) obey(line string, held bool) {
	g.track.obey(line)
	g.track.owed[len(g.track.owed)-1].held = held
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

// refuse answers a command in the server's place. One that is not passed on begins no
// content, so the tracker hears of no more than a refused MAIL or RCPT, which it counts: it
// would take a verb behind a blank for that verb.
func (g *guard) refuse(verb, line string, r smtp.Reply) error {
	if verb != "MAIL" && verb != "RCPT" {
		line = ""
	}
	g.obey(line, true)
	g.answer(r)
	return nil
}

// answer answers the last command, which is held, behind the replies that the server owes.
func (g *guard) answer(r smtp.Reply) {
	last := &g.track.owed[len(g.track.owed)-1]
	last.ours, last.held = r, false
	if len(g.track.owed) == 1 { // nobody else says it
		g.sayOurs()
	}
}

// sayOurs says what is next of ours. If the provider takes nothing any more, the reading of
// its commands says so too.
func (g *guard) sayOurs() {
	g.track.mu.Unlock() // speaking comes first
	defer g.track.mu.Lock()
	g.speaking.Lock()
	defer g.speaking.Unlock()
	g.track.mu.Lock()
	text := g.takeOurs(nil)
	g.track.mu.Unlock()
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
func (g *guard) bdat(line, arg string) error {
	size, last, ok := chunkArgs(arg)
	// Nothing is passed on that another might read in another way.
	if !ok || strings.Join(strings.Fields(arg), " ") != arg {
		g.track.goBlind() // how much content follows is anybody's guess
		return g.refuse("BDAT", line, smtp.ReplyBadArgument("BDAT takes a number, and LAST"))
	}
	if err := g.await(0); err != nil {
		return err
	}
	g.dropped, g.refused = g.recipients == 0 || size > maxChunk, false
	g.obey(line, g.dropped)
	if !g.dropped {
		g.out = append(append(g.out, "BDAT "...), strconv.FormatInt(size, 10)...)
		if last {
			g.out = append(g.out, " LAST"...)
		}
		g.out = append(g.out, "\r\n"...)
	} else if size == 0 {
		g.answer(replyNoRecipient())
	}
	return nil
}

// maxChunk is the largest chunk that is passed on, in bytes: no server counts it wrongly.
const maxChunk = 1<<31 - 1

// chunk takes octets of a chunk. If the server has refused it already, and takes the rest
// for commands, it shall not find any there.
func (g *guard) chunk(p []byte) int {
	n := len(p) - len(g.track.chunk(p))
	if g.refused {
		g.out = append(g.out, bytes.Repeat([]byte("\n"), n)...)
	} else if !g.dropped {
		g.out = append(g.out, p[:n]...)
	}
	if g.track.left == 0 && g.dropped {
		g.answer(replyNoRecipient())
	}
	return n
}

// data takes content behind DATA.
func (g *guard) data(p []byte) int {
	var n int
	var done bool
	g.out, n, done = g.content.pass(g.out, p)
	g.track.sawData(n, done)
	return n
}

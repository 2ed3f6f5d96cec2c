package fetch

import (
	"bytes"
	"slices"
	"time"

	"vodmr/internal/address"
	"vodmr/smtp"
)

// fromServer passes on what the server sends, and our own replies in between. The error is
// about the provider.
func (g *guard) fromServer(p []byte) error {
	g.speaking.Lock()
	defer g.speaking.Unlock()
	g.track.mu.Lock()
	g.track.moved = time.Now()
	text := g.hear(p)
	g.track.mu.Unlock()
	return g.say(text)
}

// hear returns the bytes for the provider.
func (g *guard) hear(p []byte) (text []byte) {
	t := g.track
	for len(p) > 0 && t.unasked == "" {
		reply, whole, n := t.listener.feed(p)
		piece := p[:n]
		p = p[n:]
		hello := len(t.owed) > 0 && t.owed[0].kind == owedEHLO
		if hello {
			g.hello = appendStart(g.hello, piece, maxHello)
		} else {
			text = append(text, piece...)
		}
		if hello && whole {
			text = append(text, g.passedHello(reply)...)
		}
		if whole && !g.answered(reply) {
			g.ended = errNotAsked // what follows matches no command
		}
		text = g.takeOurs(text)
	}
	return append(text, p...)
}

// answered matches a reply to its command. It returns false if there is none.
func (g *guard) answered(r smtp.Reply) bool {
	t := g.track
	if len(t.owed) == 0 || t.owed[0].held {
		return t.answered(r)
	}
	kind := t.owed[0].kind
	g.refused = g.refused || len(t.owed) == 1 && t.state == inChunk
	if !t.answered(r) {
		return false
	}
	begins := slices.Contains([]owedKind{owedMail, owedEHLO, owedHELO, owedReset}, kind)
	fails := kind == owedChunk && !r.Accepted() // RFC 3030 section 2
	if kind == owedRcpt && r.Accepted() {
		g.recipients++
	} else if begins && r.Accepted() || fails || kind == owedContent {
		g.recipients = 0
	}
	return true
}

// passedHello is the server's reply to EHLO as the provider sees it.
func (g *guard) passedHello(r smtp.Reply) []byte {
	raw := g.hello
	g.hello = nil
	lines := bytes.SplitAfter(raw, []byte("\n"))
	lines = lines[:len(lines)-1] // empty, or cut
	if len(lines) == 0 {
		return []byte("500 5.5.6 line too long\r\n")
	}
	first := lines[0]
	if r.Accepted() {
		lines = slices.DeleteFunc(lines[1:], func(line []byte) bool { return !passedKeyword(line) })
		lines = slices.Insert(lines, 0, first)
	}
	for _, line := range lines[:len(lines)-1] {
		endsReply(line, false)
	}
	endsReply(lines[len(lines)-1], true)
	return slices.Concat(lines...)
}

// endsReply makes a line the last of its reply, or one that others follow. One that is too
// short for that is the server's own mistake, and stays.
func endsReply(line []byte, is bool) {
	const continues = 3
	if len(line) <= continues {
		return
	}
	if !is {
		line[continues] = '-'
	} else if line[continues] == '-' {
		line[continues] = ' '
	}
}

// passedKeyword reports if a line of the reply to EHLO names an extension that changes only
// commands that are passed on.
func passedKeyword(line []byte) bool {
	if len(line) < 4 {
		return false
	}
	keyword := bytes.TrimRight(line[4:], "\r\n")
	if end := bytes.IndexAny(keyword, " =\t"); end >= 0 {
		keyword = keyword[:end]
	}
	return slices.Contains([]string{"8BITMIME", "BINARYMIME", "CHUNKING", "DELIVERBY", "DSN", "ENHANCEDSTATUSCODES", "LIMITS",
		"MT-PRIORITY", "NO-SOLICITING", "PIPELINING", "REQUIRETLS", "RRVS", "SIZE", "SMTPUTF8"}, address.Upper(string(keyword)))
}

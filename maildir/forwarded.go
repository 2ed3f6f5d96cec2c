package maildir

import (
	"bytes"
	"strconv"
	"strings"
)

// A Catchall describes a domain with an address in its .qmail-default. Its mail is delivered
// twice, the second time to the mailbox, and the wanted recipient is in the Delivered-To of
// the first delivery.
type Catchall struct {
	Address string // the mailbox's own, as the topmost Delivered-To shows it
	UID     uint32 // the domain's; the first delivery ran qmail-queue with it
	Set     bool
}

// inner takes the Delivered-To of the first delivery if the topmost is only the
// catch-all mailbox. vdelivermail writes it as the first line of what it gives to
// qmail-inject, which may put fields that the message lacks above it, and qmail-queue
// its Received above these. The message below it had its own Received already. So a
// sender can write nothing above the second Received; everything below it is the
// sender's, and never counts.
func (p *parser) inner(c Catchall) error {
	if !c.Set || !strings.EqualFold(p.env.Recipient, c.Address) || !p.ownReceived(c.UID) {
		return nil
	}
	l, ok := p.firstDelivery()
	if !ok || !p.hasReceived() {
		return nil
	}
	p.rcpt, p.env.Forwarded = false, true
	return p.take(l)
}

// ownReceived reads up to the first Received and reports if qmail-queue wrote it when
// uid ran it.
func (p *parser) ownReceived(uid uint32) bool {
	l, ok := p.toReceived()
	return ok && invokedBy(l.text, uid)
}

// toReceived reads up to the next Received of the header.
func (s *lines) toReceived() (headerLine, bool) {
	for {
		l, ok := s.next()
		if !ok || !l.isField() && !l.isFolded() {
			return headerLine{}, false
		}
		if l.is(received) {
			return l, true
		}
	}
}

// firstDelivery passes over the fields that qmail-inject adds, each once. If the next line
// is a Delivered-To, it is that of the first delivery. If not, something other than a
// delivery ran qmail-queue: a mailing list's manager, for example, writes a Delivered-To
// of its own below other fields.
func (p *parser) firstDelivery() (headerLine, bool) {
	var seen [len(injected)]bool
	for added := false; ; added = true {
		l, ok := p.next()
		if !ok {
			return headerLine{}, false
		}
		if l.isFolded() && added {
			continue
		}
		i := l.injectedField()
		if i < 0 || seen[i] {
			return l, l.is(deliveredTo)
		}
		seen[i] = true
	}
}

// injected are the fields that qmail-inject adds if a message lacks them; if it was resent,
// with Resent- in front.
var injected = [...]string{"Date:", "Message-ID:", "From:", "To:", "Cc:"}

// injectedField returns the index of the line's field in injected, or -1 if it is another.
func (l headerLine) injectedField() int {
	const resent = "Resent-"
	if l.is(resent) {
		l.text = l.text[len(resent):]
	}
	for i, name := range injected {
		if l.is(name) {
			return i
		}
	}
	return -1
}

// receivedBelow reports if the next field is a Received. It passes over fields of filters,
// since spamc, which vdelivermail can run, puts its X-Spam fields there. No line is taken.
func (p *parser) receivedBelow() bool {
	following := p.lines
	for filter := false; ; {
		l, ok := following.next()
		if !ok || l.is(received) {
			return ok
		}
		filter = l.isField() && l.is("X-") || filter && l.isFolded()
		if !filter {
			return false
		}
	}
}

// hasReceived reports if the rest of the header has a Received. No line is taken.
func (p *parser) hasReceived() bool {
	following := p.lines
	_, found := following.toReceived()
	return found
}

// invokedBy reports if the line is the one that qmail-queue writes when uid runs it.
func invokedBy(text []byte, uid uint32) bool {
	rest, ok := bytes.CutPrefix(text, []byte("Received: (qmail "))
	if !ok {
		return false
	}
	pid, rest := digits(rest)
	tail := " invoked by uid " + strconv.FormatUint(uint64(uid), 10) + ");"
	return len(pid) > 0 && bytes.HasPrefix(rest, []byte(tail))
}

// isCutHead reports if the beginning of qmail-queue's Received is within the line.
// vdelivermail cuts Return-Path and Delivered-To at 300 bytes, so that the next line joins
// the rest of them, and would not be seen as the first Received.
func (l headerLine) isCutHead() bool {
	return bytes.Contains(l.text, []byte("Received: (qmail "))
}

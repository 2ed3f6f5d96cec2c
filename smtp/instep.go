package smtp

import (
	"errors"
	"strings"
)

// Evidence is what is known of how a server keeps in step with its client: whether each
// command gets one reply, and whether only commands are obeyed.
type Evidence int

const (
	// Unproven is a server of which nothing is known. No content goes before it has
	// answered the probe, which is said once more behind the first transaction.
	Unproven Evidence = iota
	// Drains is a server that passed the probe: it reads the octets of a BDAT that it
	// refuses. The probe only checks that this is still so.
	Drains
	// Undrained is a server that answered the probe in any other way, or hung up. It
	// gets DATA: what it does not read is never sent.
	Undrained
	// OutOfStep is a server that gave replies that did not fit its commands. It gets lock step
	// and no extension, and its enhanced codes prove nothing.
	OutOfStep
)

// ErrOutOfStep says that a reply cannot be the one to its command, so that no reply
// behind it can be told from another's.
var ErrOutOfStep = errors.New("out of step")

// outOfStep ends the session: nothing that is unanswered is believed.
func (s *Sender) outOfStep(err error) error {
	s.Peer.Evidence, s.misled = OutOfStep, true
	return &BrokenError{err}
}

// misplaced says why a reply cannot be the one to its command; "" if it can be. A false
// alarm costs one session: the next one is in lock step, and there codes are not judged.
func (s *Sender) misplaced(e expect, reply Reply) string {
	switch {
	case !reply.Accepted():
		return ""
	case !e.plain() && !s.Peer.Extensions.NoEnhanced && anothersCode(e.kind, reply):
		return "its code is about another command"
	case e.ofContent() && s.link.unacknowledged(e.end):
		return "it came before the content can have been read"
	}
	return ""
}

// anothersCode says whether an enhanced code's subject (RFC 3463 section 3) is that of
// another command. Servers are free with 2.0.x, 2.2.x and 2.5.x (mox, Sun's), and one
// large site answers RSET with 2.1.5, so that only two subjects prove anything: no
// server answers content with X.1, which is about an address, and none answers
// anything but content with X.6, which is about the message.
func anothersCode(kind expectKind, reply Reply) bool {
	_, rest, _ := strings.Cut(reply.Enhanced, ".")
	subject, _, _ := strings.Cut(rest, ".")
	switch kind {
	case expectContent, expectChunk:
		return subject == "1"
	case expectReset, expectMail, expectRcpt:
		return subject == "6"
	}
	return false
}

// ofContent says whether the reply is about octets of content.
func (e expect) ofContent() bool { return e.kind == expectContent || e.kind == expectChunk }

// plain says whether the command belongs to a transaction without extensions.
func (e expect) plain() bool { return e.flight != nil && e.flight.plain }

package smtp

import "fmt"

// The probe finds out whether a server reads the octets of a BDAT that it refuses (RFC
// 3030 section 2 has it do so). One that does not obeys them as commands: it then loses
// other messages, and a stranger's message can hold commands. The probe's octets are a
// line that every server refuses as a command. So such a server gives one reply too many,
// and a refusal stands at RSET's place, which none may have.
type probe struct {
	said   int    // how often
	owed   int    // replies
	misfit string // the first reply that a server that drains would not give
	extra  bool   // the server obeyed the octets: RSET's own reply is to come
	tried  bool   // a transaction that uses BDAT has begun
	open   bool   // it showed nothing: MAIL was refused, so that nobody knows why BDAT was
}

// probeOctets is what the probe's BDAT announces: a command that nobody has.
const probeOctets = "X-VODMR\r\n"

// fewMails is the largest MAILMAX (RFC 9422) of which the probe would take too much.
const fewMails = 10

// Probing reports if the probe has not got all its replies.
func (p *Peer) Probing() bool { return p.probe.owed > 0 }

// mustProbe says whether the probe is to be said before tx.
func (p *Peer) mustProbe(tx *Transaction) bool {
	return p.chunks(tx) && (p.probe.said == 0 || p.unconfirmed())
}

// mustAwaitProbe says whether tx waits for the replies to the probe. Only the first probe
// of a server that is not known must be answered before that: what follows any other is
// not believed unless that was passed.
func (p *Peer) mustAwaitProbe(tx *Transaction) bool {
	return p.Probing() && (p.lockStep(tx) || p.Evidence == Unproven && p.probe.said == 1)
}

// unconfirmed says whether the probe is due behind the first transaction. It shows that
// BDAT LAST gets one reply (old SubEthaSMTP gives two).
func (p *Peer) unconfirmed() bool {
	return p.Evidence == Unproven && p.probe.tried && p.probe.said == 1 && p.probe.owed == 0
}

// proven says the probe if tx needs it, and whether tx may begin.
func (s *Sender) proven(tx *Transaction) bool {
	if s.Peer.mustProbe(tx) {
		s.sayProbe()
	}
	return !s.Peer.mustAwaitProbe(tx)
}

// sayProbe queues the probe.
func (s *Sender) sayProbe() {
	s.Peer.probe.said++
	if s.begun > 0 && !s.clean {
		s.askProbe("RSET", expectReset)
	}
	s.askProbe("MAIL FROM:<>", expectMail)
	s.askProbe("RCPT TO:<>", expectRcpt)
	s.askProbe(fmt.Sprintf("BDAT %d\r\n%s", len(probeOctets), probeOctets[:len(probeOctets)-len("\r\n")]), expectChunk)
	s.askProbe("RSET", expectReset)
	s.clean = true
}

func (s *Sender) askProbe(line string, kind expectKind) {
	s.link.put(line)
	s.expectProbe(kind)
}

func (s *Sender) expectProbe(kind expectKind) {
	s.expected = append(s.expected, expect{kind: kind, end: s.link.queued, probe: true})
	s.Peer.probe.owed++
}

// probed takes a reply to the probe. It reports if the server owes one more: the reply to
// RSET, which stands behind those to the octets that it obeyed.
func (p *Peer) probed(kind expectKind, reply Reply) (owed bool, err error) {
	p.probe.owed--
	if !fits(kind, reply) && p.probe.misfit == "" {
		p.probe.misfit = reply.short().String()
	}
	if kind == expectMail && p.probe.said == 1 {
		p.probe.open = !reply.Accepted()
	}
	if p.probe.owed > 0 {
		return false, nil
	}
	if p.probe.misfit != "" {
		return p.failedProbe(reply)
	}
	if p.probe.said > 1 {
		p.Evidence = Drains
	}
	return false, nil
}

// fits says whether a server that drains may give this reply to the probe. It may refuse
// the null sender.
func fits(kind expectKind, reply Reply) bool {
	switch kind {
	case expectMail:
		return true
	case expectReset:
		return reply.Accepted()
	}
	return reply.Refused()
}

// failedProbe decides what follows a probe once its last reply has come. If nothing else is
// under way, the server's replies can still be counted: one that obeyed the octets owes
// RSET's.
func (p *Peer) failedProbe(last Reply) (owed bool, err error) {
	alone := p.Evidence == Unproven && p.probe.said == 1
	p.Evidence = Undrained
	if alone && last.Accepted() {
		return false, nil
	}
	if alone && !p.probe.extra {
		p.probe.extra = true
		p.Evidence = Unproven
		return true, nil
	}
	return false, &BrokenError{fmt.Errorf("%w: the server does not read the content of a BDAT that it refuses: %q", ErrOutOfStep, p.probe.misfit)}
}

// extraTime is how long the reply may take that a server that obeyed the probe's octets
// still owes. It needs no round trip.
const extraTime = quitTime

// unanswered draws the conclusion from a session that ended within the probe: a server
// that is not known gets no other. One that passed it before may only have been
// unlucky, so it is tried once more.
func (p *Peer) unanswered() {
	if !p.Probing() {
		return
	}
	if p.Evidence == Unproven {
		p.Evidence = Undrained
	} else if p.Evidence == Drains {
		p.Evidence = Unproven
	}
}

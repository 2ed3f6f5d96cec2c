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

// chunks says whether tx may go by BDAT.
func (s *Sender) chunks(tx *Transaction) bool {
	x := s.Extensions
	return x.Chunking && !s.lockStep(tx) &&
		(s.Evidence == Drains || s.Evidence == Unproven && !s.probe.open) &&
		(x.MailMax == 0 || x.MailMax > fewMails)
}

// withoutDATA has the content of f go by BDAT to a server that does not know DATA. It is
// sent only behind an accepted recipient: from here on in lock step.
func (s *Sender) withoutDATA(f *flight, reply Reply) bool {
	unknown := reply.Code == 500 || reply.Code == 502
	if !unknown || f.accepted == 0 || !f.mail.Accepted() || !s.Extensions.Chunking {
		return false
	}
	s.noDATA = true
	f.chunking, f.encoder.Dots, f.step = true, false, stepData
	return true
}

// proven says the probe where tx needs it, and whether tx may begin. Only the first probe
// of a server that is not known must be answered before that: what follows any other is
// not believed unless that was passed.
func (s *Sender) proven(tx *Transaction) bool {
	if s.chunks(tx) && (s.probe.said == 0 || s.unconfirmed()) {
		s.sayProbe()
	}
	wait := s.lockStep(tx) || s.Evidence == Unproven && s.probe.said == 1
	return s.probe.owed == 0 || !wait
}

// unconfirmed says whether the probe is due behind the first transaction. It shows that
// BDAT LAST gets one reply (old SubEthaSMTP gives two).
func (s *Sender) unconfirmed() bool {
	return s.Evidence == Unproven && s.probe.tried && s.probe.said == 1 && s.probe.owed == 0
}

// sayProbe queues the probe.
func (s *Sender) sayProbe() {
	s.probe.said++
	if s.begun > 0 {
		s.askProbe("RSET", expectReset)
	}
	s.askProbe("MAIL FROM:<>", expectMail)
	s.askProbe("RCPT TO:<>", expectRcpt)
	s.askProbe(fmt.Sprintf("BDAT %d\r\n%s", len(probeOctets), probeOctets[:len(probeOctets)-len("\r\n")]), expectChunk)
	s.askProbe("RSET", expectReset)
}

func (s *Sender) askProbe(line string, kind expectKind) {
	s.put(line)
	s.expectProbe(kind)
}

func (s *Sender) expectProbe(kind expectKind) {
	s.expected = append(s.expected, expect{kind: kind, end: s.queued, probe: true})
	s.probe.owed++
}

// probed takes a reply to the probe.
func (s *Sender) probed(e expect, reply Reply) error {
	p := &s.probe
	p.owed--
	if !fits(e.kind, reply) && p.misfit == "" {
		p.misfit = reply.short().String()
	}
	if e.kind == expectMail && p.said == 1 {
		p.open = !reply.Accepted()
	}
	switch {
	case p.owed > 0:
		return nil
	case p.misfit != "":
		return s.failedProbe(reply)
	case p.said > 1:
		s.Evidence = Drains
	}
	return nil
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
func (s *Sender) failedProbe(last Reply) error {
	p := &s.probe
	alone := s.Evidence == Unproven && p.said == 1
	s.Evidence = Undrained
	switch {
	case alone && last.Accepted():
		return nil
	case alone && !p.extra:
		p.extra = true
		s.Evidence = Unproven
		s.expectProbe(expectReset)
		return nil
	}
	return &BrokenError{fmt.Errorf("%w: the server does not read the content of a BDAT that it refuses: %q", ErrOutOfStep, p.misfit)}
}

// extraTime is how long the reply may take that a server that obeyed the probe's octets
// still owes. It needs no round trip.
const extraTime = quitTime

// unanswered draws the conclusion from a session that ended within the probe: a server
// that is not known gets no other. One that passed it before may only have been
// unlucky, so it is tried once more.
func (p *probe) unanswered(known Evidence) Evidence {
	switch {
	case p.owed == 0:
		return known
	case known == Unproven:
		return Undrained
	case known == Drains:
		return Unproven
	}
	return known
}

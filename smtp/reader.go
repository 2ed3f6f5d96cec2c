package smtp

import (
	"fmt"
	"slices"
	"time"
)

// match hands each reply that has arrived to its command.
func (s *Sender) match(source Source) error {
	for {
		reply, ok, err := s.link.parser.Next()
		if err != nil {
			return &BrokenError{err}
		}
		if !ok {
			return nil
		}
		if reply.Closing() {
			return &ClosingError{reply}
		}
		if len(s.expected) == 0 && s.refusedMidway(source, reply) {
			continue
		}
		if len(s.expected) == 0 || s.expected[0].early(reply, s.link.written) {
			return s.outOfStep(fmt.Errorf("%w: a reply to no command: %s", ErrNotSMTP, reply))
		}
		e := s.expected[0]
		s.expected = s.expected[:copy(s.expected, s.expected[1:])]
		s.awaited = time.Time{}
		if err := s.answer(e, reply); err != nil {
			return err
		}
		if e.flight != nil {
			s.settle(source, e.flight)
		}
	}
}

// early reports if a reply came before its command was written. Content may be
// refused before its last octet; the rest still goes out.
func (e expect) early(reply Reply, written int64) bool {
	return e.end > written && !(e.ofContent() && reply.Refused())
}

// refusedMidway takes a refusal that comes while DATA's content is streamed. It
// is believed, but the dot may not be sent behind half a message, so the session
// is over.
func (s *Sender) refusedMidway(source Source, reply Reply) bool {
	f := s.writing
	if f == nil || f.step != stepStream || f.chunking || !reply.Refused() {
		return false
	}
	f.content, f.step = reply, stepFinished
	s.stop(&RefusedError{"the content, before its end,", reply})
	s.settle(source, f)
	return true
}

// answer records one reply.
func (s *Sender) answer(e expect, reply Reply) error {
	if wrongClass(e.kind, reply) {
		return s.outOfStep(fmt.Errorf("%w: %q is no answer here", ErrNotSMTP, reply))
	}
	if why := s.misplaced(e, reply); why != "" {
		return s.outOfStep(fmt.Errorf("%w: %q: %s", ErrOutOfStep, reply, why))
	}
	switch {
	case e.kind == expectNoop:
		return nil // a refusal is a sign of life too
	case e.probe:
		owed, err := s.Peer.probed(e.kind, reply)
		if owed {
			s.expectProbe(expectReset)
		}
		return err
	}
	f := e.flight
	f.owed--
	reply = reply.short()
	switch e.kind {
	case expectReset:
		// RSET has no reason to be refused but a limit (Exim's). So the reply is likelier
		// to be another command's, and those behind it are not believed.
		if !reply.Accepted() {
			s.misled = true
			return &RefusedError{"RSET", reply}
		}
	case expectMail:
		f.mail = reply
	case expectRcpt:
		f.rcpts = append(f.rcpts, reply)
		if reply.Accepted() {
			f.accepted++
		}
	case expectData:
		if f.accepted > 0 && f.mail.Accepted() && s.Peer.lacksDATA(reply) {
			f.bdatInstead()
			return nil
		}
		f.answerContent(e.kind, reply)
	case expectContent, expectChunk:
		f.answerContent(e.kind, reply)
	}
	f.advance()
	return nil
}

// wrongClass reports if a reply cannot belong to the command: the two sides
// count differently, and any later reply would be taken for another's.
func wrongClass(kind expectKind, reply Reply) bool {
	if kind == expectData {
		return reply.Accepted()
	}
	return reply.Code/100 == 3
}

// answerContent keeps the first refusal.
func (f *flight) answerContent(kind expectKind, reply Reply) {
	if kind == expectData && !reply.Refused() {
		f.step = stepContent
		if f.tx.Stream != nil {
			f.step = stepStream
		}
		return
	}
	if !f.content.Refused() {
		f.content = reply
	}
	if reply.Refused() {
		f.step = stepFinished
	}
}

// advance skips what the replies so far have made pointless. In lock step
// nothing is asked of a server that has refused already; with PIPELINING it has
// been asked.
func (f *flight) advance() {
	switch {
	case f.step == stepFinished || f.step == stepReset:
	case f.lockStep && f.mail.Refused():
		f.step = stepFinished
	case f.lockStep && f.step == stepData && f.rcptsAnswered() && f.accepted == 0:
		f.step = stepFinished
	case f.chunking && f.step == stepWait && f.accepted > 0:
		f.step = stepStream
	case f.chunking && f.step == stepWait && f.rcptsAnswered():
		f.step = stepFinished
	}
}

// settle tells the source about a flight that is over.
func (s *Sender) settle(source Source, f *flight) {
	if f.step != stepFinished || f.owed > 0 {
		return
	}
	if s.fence(f); f.owed > 0 {
		return
	}
	s.flights = slices.DeleteFunc(s.flights, func(other *flight) bool { return other == f })
	if s.writing == f {
		s.writing = nil
	}
	s.octets -= f.tx.Size
	if f.failed != nil {
		s.needRSET = !f.fenced
		source.Failed(f.tx, f.failed)
		return
	}
	if f.tx.AskOnly {
		s.needRSET = !f.fenced // a refusal is an answer, and no reason to slow down
	} else if f.refused() {
		s.needRSET = !f.fenced
		s.window.refused(s.begun)
	} else {
		s.window.accepted(f.number)
	}
	source.Answered(f.tx, f.decisions())
}

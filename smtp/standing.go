package smtp

import (
	"fmt"
	"time"
)

// noopTime is how long NOOP's reply may take. RFC 5321 names no time for it, and
// no server has reason to think about it; if it comes later, the customer
// only has to connect again.
const noopTime = time.Minute

// Noop queues NOOP, for the next Run to say if nothing else is under way.
// Whatever 2xx, 4xx or 5xx it gets but 421 shows that the server is there.
// No transaction begins before its reply (RFC 2920 section 3.1: it ends a group),
// so that nothing is sent down a line that proves to be dead. If one awaits
// its reply already, this does nothing.
func (s *Sender) Noop() {
	if !s.nooping() && s.link.mute == nil {
		s.link.put("NOOP")
		s.expected = append(s.expected, expect{kind: expectNoop, end: s.link.queued})
	}
}

// nooping reports if a NOOP awaits its reply. It is the last of what is
// expected, as nothing begins behind it.
func (s *Sender) nooping() bool {
	n := len(s.expected)
	return n > 0 && s.expected[n-1].kind == expectNoop
}

// Idle has rest wait while nothing is under way, between two Runs. rest reports
// if there is something to read; if it returns for another reason, so does Idle,
// with nil. The server may say 421 (ClosingError) or hang up
// (ErrHungUp) at any time; other unasked words put the session out
// of step (BrokenError).
func (s *Sender) Idle(rest func() (readable bool, err error)) error {
	s.release()
	for {
		if err := s.unasked(); err != nil {
			return err
		}
		readable, err := rest()
		if err != nil {
			return &BrokenError{err}
		}
		if !readable {
			return nil
		}
		if err := s.exchange(time.Now().Add(s.link.timeouts.Other)); err != nil {
			return err
		}
	}
}

// unasked looks at what the server said though nothing was asked.
func (s *Sender) unasked() error {
	reply, ok, err := s.link.parser.Next()
	switch {
	case err != nil:
		return &BrokenError{err}
	case !ok:
		return nil
	case reply.Closing():
		return &ClosingError{reply}
	}
	if reply.Accepted() {
		s.Peer.Evidence = OutOfStep // or it says in its own words that it waited for too long
	}
	return &BrokenError{fmt.Errorf("%w: a reply to no command: %s", ErrNotSMTP, reply)}
}

// Judging reports if what is awaited is the server's word on a message that it
// has got whole. It may take its time for that (RFC 5321 section 4.5.3.2.6), and
// to give up now would send the message a second time.
func (s *Sender) Judging() bool {
	return len(s.expected) > 0 && s.expected[0].kind == expectContent && s.expected[0].end <= s.link.written
}

// release gives the memory of large messages back.
func (s *Sender) release() {
	s.stream = streamReader{}
	s.link.release()
}

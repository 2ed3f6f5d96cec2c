package smtp

import (
	"slices"
	"time"
)

// deadline is the earlier of the two that run: the write's and the awaited
// reply's.
func (s *Sender) deadline() time.Time {
	now := time.Now()
	deadline := s.link.writeDeadline(now)
	if len(s.expected) == 0 || s.expected[0].end > s.link.written {
		return deadline
	}
	if s.awaited.IsZero() {
		s.awaited = now
	}
	latest := s.awaited.Add(s.patience(s.expected[0]))
	if deadline.IsZero() || latest.Before(deadline) {
		deadline = latest
	}
	return deadline
}

// patience is how long a reply may take.
func (s *Sender) patience(e expect) time.Duration {
	switch e.kind {
	case expectMail:
		return s.link.timeouts.Mail
	case expectRcpt:
		return s.link.timeouts.Rcpt
	case expectData:
		return s.link.timeouts.DataStart
	case expectContent, expectChunk:
		return s.link.timeouts.Final
	case expectNoop:
		return min(noopTime, s.link.timeouts.Other)
	}
	if e.probe && s.Peer.probe.extra {
		return min(extraTime, s.link.timeouts.Other)
	}
	return s.link.timeouts.Other
}

// exchange writes and reads once.
func (s *Sender) exchange(deadline time.Time) error {
	err := s.link.exchange(deadline)
	if s.link.mute != nil {
		s.forgetUnwritten()
	}
	return err
}

// stop ends the writing: only replies to what the server has got are waited for.
func (s *Sender) stop(why error) {
	s.link.stop(why)
	s.forgetUnwritten()
}

// forgetUnwritten expects no reply to commands that the server has not got whole.
func (s *Sender) forgetUnwritten() {
	s.expected = slices.DeleteFunc(s.expected, func(e expect) bool { return e.end > s.link.written })
}

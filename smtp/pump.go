package smtp

import (
	"errors"
	"io"
	"time"
)

// put queues one command line.
func (s *Sender) put(line string) {
	n := len(s.out)
	s.out = append(append(s.out, line...), '\r', '\n')
	s.queued += int64(len(s.out) - n)
}

// pending is how many octets wait to be written.
func (s *Sender) pending() int { return len(s.out) - s.outStart }

// writeBlock is how many octets must go out within Timeouts.Block.
const writeBlock = 16 << 10

// deadline is the earlier of the two that run: the write's and the awaited
// reply's.
func (s *Sender) deadline() time.Time {
	var deadline time.Time
	now := time.Now()
	if s.pending() > 0 && s.mute == nil {
		if s.blockFrom.IsZero() || s.written-s.block >= writeBlock {
			s.block, s.blockFrom = s.written, now
		}
		deadline = s.blockFrom.Add(s.timeouts.Block)
	} else {
		s.blockFrom = time.Time{}
	}
	if len(s.expected) == 0 || s.expected[0].end > s.written {
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
		return s.timeouts.Mail
	case expectRcpt:
		return s.timeouts.Rcpt
	case expectData:
		return s.timeouts.DataStart
	case expectContent, expectChunk:
		return s.timeouts.Final
	case expectNoop:
		return min(noopTime, s.timeouts.Other)
	}
	if e.probe && s.probe.extra {
		return min(extraTime, s.timeouts.Other)
	}
	return s.timeouts.Other
}

// exchange writes and reads once. A peer that takes no more may still have
// said something: it is read before the failure counts.
func (s *Sender) exchange(deadline time.Time) error {
	_ = s.conn.SetDeadline(deadline)
	out := s.out[s.outStart:]
	if s.mute != nil {
		out = nil
	}
	wrote, read, err := s.conn.Exchange(out, s.in)
	s.outStart += wrote
	s.written += int64(wrote)
	if s.outStart >= outLow || s.pending() == 0 {
		s.out, s.outStart = s.out[:copy(s.out, s.out[s.outStart:])], 0
	}
	s.parser.Feed(s.in[:read])
	switch {
	case err == nil || read > 0:
		return nil
	case s.mute == nil && isWriteError(err):
		s.stop(&BrokenError{err})
		return nil
	case s.mute != nil:
		return s.mute
	case errors.Is(err, io.EOF):
		return &BrokenError{ErrHungUp}
	}
	return &BrokenError{err}
}

// ErrHungUp means that the server closed the connection.
var ErrHungUp = errors.New("closed by the customer's server")

// isWriteError reports if only the writing half failed. The interface is
// fdio.WriteError's, which this package need not know.
func isWriteError(err error) bool {
	var w interface{ WriteFailed() bool }
	return errors.As(err, &w) && w.WriteFailed()
}

// stop ends the writing: no byte more is sent, and only replies to what the
// server has got are waited for.
func (s *Sender) stop(why error) {
	s.mute = why
	owed := s.expected[:0]
	for _, e := range s.expected {
		if e.end <= s.written {
			owed = append(owed, e)
		}
	}
	s.expected = owed
	s.timeouts = SameTimeouts(min(s.timeouts.Other, quitTime))
}

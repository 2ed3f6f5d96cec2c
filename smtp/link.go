package smtp

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// A link is the connection as octets: what is queued and written, and the replies as they
// arrive. It knows nothing of transactions.
type link struct {
	conn     Duplex
	timeouts Timeouts
	parser   ReplyParser
	in       []byte

	out      []byte // what is to be written, from outStart
	outStart int
	queued   int64 // octets put into out since the session began
	written  int64
	// acknowledged is how many of them the peer's TCP is known to have
	acknowledged int64
	block        int64     // written when the present block began
	blockFrom    time.Time // when it began

	mute error // why nothing more is sent; what is owed is still read
}

// put queues one command line.
func (l *link) put(line string) { l.queue(append(append(l.out, line...), '\r', '\n')) }

// putOctets queues octets as they are.
func (l *link) putOctets(octets []byte) { l.queue(append(l.out, octets...)) }

// putContent queues stored octets of a message in the encoder's form.
func (l *link) putContent(e *Encoder, stored []byte) { l.queue(e.Append(l.out, stored)) }

// putContentEnd queues what the encoder needs behind a message.
func (l *link) putContentEnd(e *Encoder) { l.queue(e.Finish(l.out)) }

// queue takes what is to be written, grown by what is queued.
func (l *link) queue(out []byte) {
	l.queued += int64(len(out) - len(l.out))
	l.out = out
}

// pending is how many octets wait to be written.
func (l *link) pending() int { return len(l.out) - l.outStart }

// writeBlock is how many octets must go out within Timeouts.Block.
const writeBlock = 16 << 10

// writeDeadline is until when the present block must go out; zero if nothing is to be
// written.
func (l *link) writeDeadline(now time.Time) time.Time {
	if l.pending() == 0 || l.mute != nil {
		l.blockFrom = time.Time{}
		return time.Time{}
	}
	if l.blockFrom.IsZero() || l.written-l.block >= writeBlock {
		l.block, l.blockFrom = l.written, now
	}
	return l.blockFrom.Add(l.timeouts.Block)
}

// exchange writes and reads once. A peer that takes no more may still have
// said something: it is read before the failure counts.
func (l *link) exchange(deadline time.Time) error {
	_ = l.conn.SetDeadline(deadline)
	out := l.out[l.outStart:]
	if l.mute != nil {
		out = nil
	}
	wrote, read, err := l.conn.Exchange(out, l.in)
	l.outStart += wrote
	l.written += int64(wrote)
	if l.outStart >= outLow || l.pending() == 0 {
		l.out, l.outStart = l.out[:copy(l.out, l.out[l.outStart:])], 0
	}
	l.parser.Feed(l.in[:read])
	switch {
	case err == nil || read > 0:
		return nil
	case l.mute == nil && isWriteError(err):
		l.stop(&BrokenError{err})
		return nil
	case l.mute != nil:
		return l.mute
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
func (l *link) stop(why error) {
	l.mute = why
	l.timeouts = SameTimeouts(min(l.timeouts.Other, quitTime))
}

// command says one line in lock step and returns its reply. A server that has
// said more than it was asked is out of step: its next replies would be taken
// for those of other commands. If a server takes no more bytes, its earlier
// replies still count.
func (l *link) command(line string, timeout time.Duration) (Reply, error) {
	if l.parser.Partial() {
		return Reply{}, &BrokenError{fmt.Errorf("%w: more than one reply to one command", ErrNotSMTP)}
	}
	l.put(line)
	deadline := time.Now().Add(timeout)
	for l.pending() > 0 && l.mute == nil {
		if err := l.exchange(deadline); err != nil {
			return Reply{}, err
		}
	}
	if l.mute != nil {
		// It has not got the line, and owes nothing.
		deadline = time.Now().Add(l.timeouts.Other)
	}
	return l.await(time.Until(deadline))
}

// await returns the next reply.
func (l *link) await(timeout time.Duration) (Reply, error) {
	deadline := time.Now().Add(timeout)
	for {
		reply, ok, err := l.parser.Next()
		switch {
		case err != nil:
			return Reply{}, &BrokenError{err}
		case ok && reply.Closing():
			return reply, &ClosingError{reply}
		case ok:
			return reply, nil
		}
		if err := l.exchange(deadline); err != nil {
			return Reply{}, err
		}
	}
}

// unacknowledged says whether the peer's TCP has not got the stream up to end: then
// the server cannot have read it. A reply to what was read acknowledges it as well,
// as it is sent later. It is false if nobody can know, as on a pipe.
func (l *link) unacknowledged(end int64) bool {
	conn, ok := l.conn.(interface{ Unacknowledged() (int, bool) })
	if !ok || end <= l.acknowledged {
		return false
	}
	octets, known := conn.Unacknowledged()
	if !known {
		return false
	}
	l.acknowledged = l.written - int64(octets)
	return end > l.acknowledged
}

// release gives the memory of large messages back.
func (l *link) release() {
	if l.pending() == 0 {
		l.out, l.outStart = nil, 0
	}
	if !l.parser.Partial() {
		l.parser = ReplyParser{}
	}
}

// Timeouts is how long the sending side waits for each thing.
type Timeouts struct {
	Greeting, Mail, Rcpt, DataStart, Block, Final, Other time.Duration
}

// StandardTimeouts returns those of RFC 5321 section 4.5.3.2.
func StandardTimeouts() Timeouts {
	return Timeouts{
		Greeting:  5 * time.Minute,
		Mail:      5 * time.Minute,
		Rcpt:      5 * time.Minute,
		DataStart: 2 * time.Minute,
		Block:     3 * time.Minute,
		Final:     10 * time.Minute,
		Other:     5 * time.Minute,
	}
}

// SameTimeouts returns d for everything, as qmail-remote's timeoutremote means it.
func SameTimeouts(d time.Duration) Timeouts {
	return Timeouts{d, d, d, d, d, d, d}
}

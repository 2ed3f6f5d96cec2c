// Package spool owns the mail that waits in one Maildir: what may go out, in which order,
// and what became of it. It knows no connection and no login. Next only reads. Delivered,
// Deferred, Refused and Uncertain, and the writers beside them, change the Maildir, the
// notes and the log, and have bounces sent.
package spool

import (
	"errors"
	"time"

	"vodmr/internal/logline"
	"vodmr/maildir"
	"vodmr/relay/grant"
	"vodmr/relay/spool/history"
	"vodmr/smtp"
)

// A Spool is what waits in a Maildir. It gives out what has to be repeated; then the
// oldest message, with its equal copies for other recipients; then what earlier sessions
// kept; and last, alone and in lock step, what broke two sessions in a row, unless ten
// sessions broke before it had its turn: then it goes at its place.
type Spool struct {
	Counts  Counts
	Times   *Timings
	Trust   *Trust
	Looks   Looks
	Notices *Notices
	Session string // the session's name in the notes

	// NotesFailed: the notes cannot be written. Then only one message may be in flight,
	// since the next session could not tell which one broke this one.
	NotesFailed bool
	Unreadable  bool // a file could not be read
	// MustStop: no more may be sent, as a message that is done can neither be removed nor
	// noted.
	MustStop bool

	box     *maildir.Box
	grant   *grant.Grant
	bouncer *Bouncer
	clock   func() time.Time
	ages    *ageClock
	log     *logline.Logger

	history *history.History // nil until it is read
	reader  *reader
	retries *retryTimes

	removals   removals
	unfinished bool     // the scan met its deadline
	scanned    int      // messages that it listed
	inFlight   int      // batches that have begun and are not answered
	bounces    []bounce // to be injected once nothing is in flight
}

// Open makes the Spool of a Maildir. Nothing is read yet: see Scan. The history is read
// from the Maildir once it is needed.
func Open(box *maildir.Box, g *grant.Grant, bouncer *Bouncer, clock func() time.Time, log *logline.Logger) *Spool {
	s := &Spool{box: box, Looks: Looks{box: box}, grant: g, bouncer: bouncer, clock: clock, ages: newAgeClock(clock), log: log, Times: StandardTimings(), Trust: &Trust{}}
	s.Trust.spool = s
	s.Notices = &Notices{s}
	s.retries = &retryTimes{start: time.Now(), standing: g.Settings.Standing(), clock: clock, timings: s.Times}
	slow := &latency{timings: s.Times, log: log}
	s.removals = newRemovals(s, slow)
	s.reader = newReader(box, g, s.retries, s.Trust, slow)
	bouncer.clock, bouncer.log, bouncer.files = clock, log, &s.reader.files
	s.reader.compose = bouncer.compose
	return s
}

// Scan lists what waits. It may leave the list unfinished at the deadline; the zero time
// is none.
func (s *Spool) Scan(deadline time.Time) error {
	list, err := s.box.Scan(deadline)
	s.unfinished = errors.Is(err, maildir.ErrDeadline)
	if err != nil && !s.unfinished {
		return err
	}
	s.reader.list, s.scanned = list, list.Len()
	return nil
}

// Waiting is how many messages Scan listed, and their bytes if each name tells its size,
// otherwise 0. Some of them may be for other logins, or too recent to go in this session.
// known is false if the list is unfinished.
func (s *Spool) Waiting() (messages int, bytes int64, known bool) {
	return s.scanned, s.reader.list.Bytes(), !s.unfinished
}

// MayWait reports if mail waits, or may wait since looking took too long.
func (s *Spool) MayWait(deadline time.Time) (bool, error) {
	if s.unfinished {
		return true, nil
	}
	if s.reader.list.Len() == 0 && !s.retries.standing {
		return false, nil
	}
	if err := s.begin(); err != nil {
		return false, err
	}
	defer s.Settle()
	for len(s.reader.lookahead) == 0 && s.reader.more() {
		if time.Now().After(deadline) {
			return true, nil
		}
		if s.reader.full() {
			s.Settle()
		}
	}
	return s.reader.any(), nil
}

// Start begins to send to a server with those extensions, once the roles have turned.
// hungUp reports if the customer has gone, so that reading for it is in vain.
func (s *Spool) Start(offered smtp.Extensions, hungUp func() bool) error {
	s.reader.server, s.reader.files.hungUp = offered, hungUp
	if s.unfinished {
		if err := s.reader.list.Resume(time.Time{}); err != nil {
			return err
		}
		s.unfinished = false
		if err := s.begin(); err != nil {
			s.log.Event("error", logline.Err(err))
			s.MustStop = true
		}
	}
	s.reader.rcptMax = s.reader.rcptLimit()
	return nil
}

// Next returns what is to be sent next; nil if there is nothing now. It only reads: what
// it finds out about other files is kept until Settle.
func (s *Spool) Next() *Batch {
	if s.MustStop || s.reader.hungUp || len(s.bounces) >= bouncesAhead {
		return nil
	}
	return s.reader.next()
}

// Settle writes what Next found out about the files that it passed over, and sends the
// bounces that are due if nothing is in flight. It reports if there was anything, so that
// Next may find more.
func (s *Spool) Settle() (any bool) {
	s.removals.settle(MaxRemovals)
	found := s.reader.found
	s.reader.found = nil
	for _, f := range found {
		s.settle(f)
	}
	return s.injectBounces() || len(found) > 0
}

// settle writes one thing that Next found out.
func (s *Spool) settle(f finding) {
	switch f.kind {
	case foundDone:
		s.removeDone(f.entry)
	case foundUnheard:
		s.history.Tried(f.entry.Base(), "the customer hung up while the file was read")
	case foundLost:
		s.Notices.lost(f.notice, f.err)
	default:
		s.skip(f.entry, f.err)
	}
}

// Begun says that a batch is about to be sent. WriteAhead must be called before it is.
func (s *Spool) Begun(b *Batch) {
	s.inFlight++
	b.begun = true
	names := make([]string, len(b.Messages))
	for i, m := range b.Messages {
		names[i] = m.base
	}
	s.history.Sent(names...)
}

// Ended says that a batch is no longer in flight, or will not be sent. Call it before the
// functions that decide about its messages.
func (s *Spool) Ended(b *Batch) {
	b.closeStream()
	if b.given {
		s.reader.given--
		b.given = false
	}
	if b.begun {
		s.inFlight--
		b.begun = false
	}
}

// Broken says that the connection is gone: nothing is in flight any more.
func (s *Spool) Broken() {
	s.inFlight = 0
	if s.history != nil {
		s.history.Withdraw()
	}
}

// WriteAhead writes the notes before mail goes out that they do not speak of yet. With it
// they speak of at most so many messages that will follow, so that these need no write.
func (s *Spool) WriteAhead(messages int) {
	if s.history.Unwritten() {
		s.history.Announce(s.reader.following(messages))
		s.Write()
	}
}

// Write writes the notes.
func (s *Spool) Write() {
	if err := s.history.Flush(); err != nil {
		s.noteTrouble(err)
	}
}

// HungUp reports if the customer hung up while a file was read.
func (s *Spool) HungUp() bool { return s.reader.hungUp }

// Abandon has nothing in the Maildir changed, and nothing bounced any more: its lock is
// lost, and another session may have the mailbox.
func (s *Spool) Abandon() {
	s.MustStop = true
	s.box.Abandon()
	if s.history != nil {
		s.history.Abandon()
	}
}

// History is the spool's memory of earlier sessions.
func (s *Spool) History() *history.History { return s.history }

// LimitRecipients has a transaction name at most so many recipients.
func (s *Spool) LimitRecipients(most int) { s.reader.rcptMax = min(s.reader.rcptMax, most) }

// Close ends what is under way, closes the files, and writes the notes.
func (s *Spool) Close() {
	s.Finish()
	if s.reader.list != nil {
		s.reader.list.Close()
	}
	if s.history != nil {
		_ = s.history.Flush()
		s.history.Close()
	}
}

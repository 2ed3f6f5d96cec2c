package spool

import (
	"time"

	"vodmr/maildir"
)

// Looks are the looks of a standing session into its Maildir.
type Looks struct {
	box       *maildir.Box
	changed   int64     // see maildir.Box.Changed; at the last look
	unsettled bool      // another change may have had the same time
	NotBefore time.Time // the earliest time of the next look
}

const (
	// lookShare bounds the cost of looking into a large Maildir: the pause after a look
	// is so many times as long.
	lookShare = 10
	// settled is how long after a change another one surely has another time.
	settled = 2 * time.Second
)

// Look lists the new messages in the Maildir, and those that are due again. It is called
// when nothing is in flight. It forgets messages that are gone.
func (s *Spool) Look() error {
	s.Finish()
	began := time.Now()
	now, seen, later := time.Since(s.retries.start), make(map[uint64]time.Duration), 0
	changed, err := s.box.Changed()
	if err != nil {
		return err
	}
	list, err := s.box.Rescan(func(base []byte) bool {
		sum := hash(base)
		retryAt, known := s.retries.retryAt[sum]
		if known {
			seen[sum] = retryAt
		}
		if known && retryAt > now {
			later++
			return true
		}
		return false
	})
	if err != nil {
		return err
	}
	s.reader.list.Close()
	s.reader.list, s.retries.retryAt = list, seen
	s.Counts.Waiting = list.Len() + later
	s.history.Keep(func(base string) bool { _, there := seen[hash([]byte(base))]; return there })
	s.Trust.forgetListed(func(base string) bool { return seen[hash([]byte(base))] <= now })
	// The limits that passing trouble has set are taken back: a standing session may last for
	// weeks.
	s.reader.rcptMax = s.reader.rcptLimit()
	if s.NotesFailed && s.history.Flush() == nil {
		s.NotesFailed = false
	}
	s.reader.triedSorted, s.reader.suspectsSorted, s.retries.looked = false, false, true
	took := time.Since(began)
	s.Looks = Looks{
		box:     s.box,
		changed: changed, unsettled: began.Sub(time.Unix(0, changed)) < settled,
		NotBefore: began.Add(took + lookShare*took),
	}
	return nil
}

// Failed has the next look wait, and find a change.
func (l *Looks) Failed(notBefore time.Time) { l.unsettled, l.NotBefore = true, notBefore }

// Changed reports if new has changed since the last look, for changes that no Watch has
// seen.
func (l *Looks) Changed() bool {
	changed, err := l.box.Changed()
	return err != nil || l.unsettled || changed != l.changed
}

// Differs reports if new has changed since the last look, by the time that a Glance saw.
func (l *Looks) Differs(changed int64) bool { return l.unsettled || changed != l.changed }

// NextRetry is when the first message that was postponed is due; the zero time is never.
func (s *Spool) NextRetry() time.Time {
	first := notThisSession
	for _, at := range s.retries.retryAt {
		first = min(first, at)
	}
	if first == notThisSession {
		return time.Time{}
	}
	return s.retries.start.Add(first)
}

// Rest gives memory back and writes the notes, before a standing session waits.
func (s *Spool) Rest() {
	s.Finish()
	s.removals.latency.score = 0 // the next look may find it fast
	s.Write()
	s.reader.rest()
}

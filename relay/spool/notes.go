package spool

import (
	"fmt"
	"time"

	"vodmr/internal/logline"
	"vodmr/maildir"
	"vodmr/relay/spool/history"
)

// Unread is why the notes cannot be read, if that may pass. A session that began new
// ones then would send again what the customer has. If no mail can wait, they are not read.
func (s *Spool) Unread() error {
	if s.reader.list.Len() == 0 && !s.unfinished && !s.retries.standing {
		return nil
	}
	return s.openNotes().Unread()
}

// TooSoon reports if the customer comes back before VODMR_INTERVAL is over. A standing
// session may begin at any time: its customer does not come to look. An end in the future
// was noted by a clock that was wrong: it would keep the customer out until then.
func (s *Spool) TooSoon() bool {
	if s.grant.Settings.Interval == 0 || s.retries.standing {
		return false
	}
	since := s.clock().Sub(time.Unix(s.openNotes().Ended(), 0))
	return 0 <= since && since < s.grant.Settings.Interval
}

// openNotes reads the notes, once.
func (s *Spool) openNotes() *history.History {
	if s.history != nil {
		return s.history
	}
	notes, err := history.Open(s.box.Dir(), s.box.Path(), s.clock)
	s.history = notes
	s.reader.history, s.bouncer.history = notes, notes
	switch {
	case err != nil:
		s.log.Event("error", logline.Err(err))
	case notes.Damaged > 0:
		s.log.Event("error", logline.F("file", "vodmr.notes"), logline.N("damaged", int64(notes.Damaged)))
	}
	return notes
}

// begin starts the session in the notes, once all names are known. The error says
// that nothing may be sent.
func (s *Spool) begin() error {
	s.Counts.Waiting = s.reader.list.Len()
	notes := s.openNotes()
	if _, err := notes.Begin(s.Session, s.reader.list.Bases); err != nil {
		s.noteTrouble(err)
	}
	s.reader.suspectBreaks = notes.DemotedTurn()
	return s.mayRemove()
}

// mayRemove returns an error if a message that is done could neither be removed nor
// noted: each session would send the same again.
func (s *Spool) mayRemove() error {
	if !s.NotesFailed && !s.history.Full() {
		return nil
	}
	if err := s.box.MayRemove(); err != nil {
		return fmt.Errorf("nothing can be removed, nor noted in vodmr.notes: %w", err)
	}
	return nil
}

// End notes that the session had a clean end. If it ended before all names were known, it
// did not begin there.
func (s *Spool) End() {
	if !s.unfinished {
		s.history.End()
	}
}

// noteTrouble logs, once, that the notes cannot be written. See NotesFailed.
func (s *Spool) noteTrouble(err error) {
	if !s.NotesFailed {
		s.log.Event("error", logline.Err(err))
	}
	s.NotesFailed = true
}

// LogQuarantined logs which files stood in the place of the Maildir's own and were
// renamed.
func LogQuarantined(box *maildir.Box, log *logline.Logger) {
	for _, name := range box.Lock.Quarantined() {
		log.Event("error", logline.F("file", name), logline.F("reason", "it was no regular file of ours: it is quarantined as "+name+".bad, or removed if it was a link or a FIFO"))
	}
}

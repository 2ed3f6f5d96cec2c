package relay

import (
	"fmt"
	"time"

	"vodmr/internal/logline"
	"vodmr/maildir"
)

// unread says why the notes cannot be read, if that may pass. A session that began new
// ones then would send again what the customer has. If no mail can wait, they are not read.
func (q *queue) unread() error {
	if q.list.Len() == 0 && !q.unfinished && !q.stands() {
		return nil
	}
	return q.openNotes().Unread()
}

// tooSoon says whether the customer comes back before VODMR_INTERVAL is over. One
// that stands does not come to look, so nothing keeps it from coming back.
func (q *queue) tooSoon() bool {
	if q.grant.Settings.Interval == 0 || q.stands() {
		return false
	}
	ended := time.Unix(q.openNotes().Ended(), 0)
	return q.Now().Sub(ended) < q.grant.Settings.Interval
}

// openNotes reads the notes, once.
func (q *queue) openNotes() *maildir.Notes {
	if q.notes != nil {
		return q.notes
	}
	notes, err := q.box.OpenNotes(q.Now)
	q.notes = notes
	switch {
	case err != nil:
		q.Log.Event("error", logline.Err(err))
	case notes.Damaged > 0:
		q.Log.Event("error", logline.F("file", "vodmr.notes"), logline.N("damaged", int64(notes.Damaged)))
	}
	return notes
}

// begin starts the session in the notes, once all names are known. The error says
// that nothing may be sent.
func (q *queue) begin() error {
	q.count.waiting = q.list.Len()
	notes := q.openNotes()
	if _, err := notes.Begin(q.Session, q.list.Bases); err != nil {
		q.noteTrouble(err)
	}
	q.due = notes.Due()
	return q.mayRemove()
}

// mayRemove says what is wrong where a message that is done could neither be removed
// nor noted: each session would send the same again.
func (q *queue) mayRemove() error {
	if !q.unnoted && !q.notes.Full() {
		return nil
	}
	if err := q.box.MayRemove(); err != nil {
		return fmt.Errorf("nothing can be removed, nor noted in vodmr.notes: %w", err)
	}
	return nil
}

// endNotes says that the session ended in order. Where it was told to before all names
// were known, it did not begin there.
func (q *queue) endNotes() {
	if !q.unfinished {
		q.notes.End()
	}
}

// noteTrouble falls back to one message in flight: without notes the next
// session could not tell which message broke this one.
func (q *queue) noteTrouble(err error) {
	if !q.unnoted {
		q.Log.Event("error", logline.Err(err))
	}
	q.unnoted = true
	if q.sender != nil {
		q.sender.Limit(1)
	}
}

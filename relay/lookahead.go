package relay

import (
	"errors"
	"slices"

	"vodmr/internal/logline"
	"vodmr/maildir"
	"vodmr/qmail"
)

// A tried message was kept by an earlier session. It goes behind what is new:
// where a server hangs up after some refusals, each session would else offer
// the same few, and what waits behind them never went out.
type tried struct {
	entry maildir.Entry
	tries int
}

// A suspect is a message that was the first without an answer in two sessions
// in a row that broke; breaks is in how many.
type suspect struct {
	entry  maildir.Entry
	breaks int
}

// lookAhead reads on until enough is read ahead. Once there is something to
// send it looks at a bounded number of files: among a million that are for
// others the line would be silent for too long.
func (q *queue) lookAhead() {
	for looked := 0; len(q.ahead) < aheadMax && (len(q.ahead) == 0 || looked < aheadMax); looked++ {
		if !q.more() {
			return
		}
	}
}

// more reads the next file ahead. It says false where no file is left.
func (q *queue) more() bool {
	entry, ok := q.list.Next()
	if !ok {
		return q.moreTried()
	}
	note := q.notes.Of(entry.Base())
	switch {
	case note.Done:
		q.removeDone(entry)
	case note.Breaks >= maildir.SetAside && note.Breaks == q.due:
		q.takeEarly(entry)
	case q.tooFresh(entry.Base(), note):
	case note.Breaks >= maildir.SetAside:
		q.suspects = append(q.suspects, suspect{entry, note.Breaks})
	case note.Tries > 0:
		q.tried = append(q.tried, tried{entry, note.Tries})
	default:
		q.readAhead(entry)
	}
	return true
}

// takeEarly has a message that was set aside go out at its place in the order, alone
// and in lock step as ever. It is one for a session.
func (q *queue) takeEarly(entry maildir.Entry) {
	q.due = 0
	if it := q.read(entry, wholeMax); it != nil {
		q.again = append(q.again, &group{items: []*item{it}, plain: true})
	}
}

// moreTried reads the next file that an earlier session kept, those with the
// fewest tries first; behind them what this session is to try again.
func (q *queue) moreTried() bool {
	if !q.triedSorted {
		slices.SortStableFunc(q.tried, func(a, b tried) int { return a.tries - b.tries })
		q.triedSorted = true
	}
	if len(q.tried) == 0 {
		return q.moreDoubted()
	}
	q.readAhead(q.tried[0].entry)
	q.tried = q.tried[1:]
	return true
}

// readAhead reads one file, and its body where there is room. It is nil if the file
// cannot go out.
func (q *queue) readAhead(entry maildir.Entry) *item {
	it := q.read(entry, min(wholeMax, heldMax-q.held))
	if it != nil {
		q.ahead = append(q.ahead, it)
		q.held += int64(len(it.raw))
	}
	return it
}

// takeSuspect takes the suspect with the fewest breaks.
func (q *queue) takeSuspect() *group {
	if !q.suspectsSorted {
		slices.SortStableFunc(q.suspects, func(a, b suspect) int { return a.breaks - b.breaks })
		q.suspectsSorted = true
	}
	for len(q.suspects) > 0 {
		entry := q.suspects[0].entry
		q.suspects = q.suspects[1:]
		if it := q.read(entry, wholeMax); it != nil {
			return &group{items: []*item{it}, plain: true}
		}
	}
	return nil
}

// read loads an entry. What cannot go out, or is for somebody else, is nil, and
// logged where that is news.
func (q *queue) read(entry maildir.Entry, hold int64) *item {
	it, err := q.load(entry, hold)
	if err != nil {
		if it != nil {
			q.release(it)
		}
		q.skip(entry, err)
		return nil
	}
	held, asked, err := q.grant.Wants(it.rcpt)
	switch {
	case err != nil:
		q.skip(entry, err)
	case !held:
		q.skip(entry, &notOurs{it.rcpt})
	case asked:
		return it
	default:
		q.shelve(entry.Base(), forGood)
	}
	q.release(it)
	return nil
}

// release gives an item's memory back.
func (q *queue) release(it *item) {
	q.buffers.put(it.raw)
	it.raw, it.body = nil, nil
}

// notOurs says that a message is for no domain of this login.
type notOurs struct{ rcpt string }

func (e *notOurs) Error() string { return "for no domain of this login: " + e.rcpt }

// skip logs why a file stays, unless that is what was logged last time.
func (q *queue) skip(entry maildir.Entry, err error) {
	q.unreadable = q.unreadable || !knownReason(err)
	if errors.Is(err, maildir.ErrGone) {
		q.count.waiting--
		q.Log.Event("skip", logline.F("file", entry.Path()), logline.F("reason", "gone"))
		return
	}
	q.shelve(entry.Base(), q.rereadWait(err))
	if q.notes.Stays(entry.Base(), err.Error()) {
		q.Log.Event("skip", logline.F("file", entry.Path()), logline.F("reason", err.Error()))
	}
}

// knownReason says whether a file stays for what it is, not for trouble here.
func knownReason(err error) bool {
	var other *notOurs
	return errors.As(err, &other) || errors.Is(err, maildir.ErrGone) || errors.Is(err, maildir.ErrNoEnvelope) ||
		errors.Is(err, maildir.ErrNotRegular) || errors.Is(err, maildir.ErrOwner) || errors.Is(err, qmail.ErrAddress) || err == errUnproven
}

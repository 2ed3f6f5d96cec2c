package check

import (
	"errors"
	"fmt"
	"time"

	"vodmr/maildir"
	"vodmr/relay/spool/history"
)

const (
	oldMail  kind = "doubtful | has mail that is older than control/queuelifetime | has the customer gone? vodmr-expire(8) says what it bounces"
	foreign  kind = "wrong | has mail that vodmr-relay cannot open | chown it to the mailbox's own user, or move it away: no session sends it, and vodmr-expire does not bounce it"
	staying  kind = "doubtful | has mail that no session can send | read these messages (the log calls them skip), and move them out of the Maildir; if one is for a domain that this login has got since, the next session sends it"
	breaking kind = "doubtful | has mail that breaks each session | the customer's server hangs up at them: ask its admin, or remove them"
	manyMore kind = "doubtful | has more mail than could be counted in time | look again when the disk has less to do"
)

// checkWaiting counts the mail that waits, and finds mail that should not.
func checkWaiting(b *openBox, r *report) {
	list, err := b.box.Scan(time.Now().Add(b.site.look))
	unfinished := errors.Is(err, maildir.ErrDeadline)
	if err != nil && !unfinished {
		r.unreadable(b.dir, err)
		return
	}
	defer list.Close()
	r.sayIf(unfinished, b.dir, manyMore, fmt.Sprintf("%d", list.Len()))
	if list.Len() == 0 {
		r.ok(b.dir, "no mail waits")
		return
	}
	notes, _ := history.Open(b.box.Dir(), b.box.Path(), func() time.Time { return b.site.now })
	defer notes.Close()
	judgeWaiting(b, r, list, notes)
}

// A tally counts the mail that waits in a Maildir.
type tally struct {
	count, old               int
	oldest                   int64 // Unix seconds
	foreign, staying, breaks examples
}

// Examples are a number of messages, and the last one of them with the reason.
type examples struct {
	count int
	last  string
}

func (e *examples) add(message string) { e.count, e.last = e.count+1, message }

// say reports them, if there are any.
func (e *examples) say(r *report, dir string, k kind) {
	r.sayIf(e.count > 0, dir, k, fmt.Sprintf("%d messages, such as %s", e.count, e.last))
}

// judgeWaiting goes through the mail, oldest first.
func judgeWaiting(b *openBox, r *report, list *maildir.List, notes *history.History) {
	settings, _ := b.site.controls()
	var t tally
	until := time.Now().Add(b.site.look)
	for e, ok := list.Next(); ok; e, ok = list.Next() {
		if t.count++; t.count == 1 {
			t.oldest = e.Time
		}
		opens := t.opens(b, e, until)
		old := settings.QueueLifetime > 0 && b.site.now.Sub(time.Unix(e.Time, 0)) > settings.QueueLifetime
		t.note(e, notes.Of(e.Base()), old && opens)
	}
	age := b.site.now.Sub(time.Unix(t.oldest, 0)).Round(time.Second)
	r.ok(b.dir, fmt.Sprintf("%d messages wait, the oldest for %v", t.count, age))
	t.say(r, b.dir)
}

// opens opens a message as a session does, while there is time, and notes one that it
// cannot open.
func (t *tally) opens(b *openBox, e maildir.Entry, until time.Time) bool {
	if time.Now().After(until) {
		return true
	}
	m, err := b.box.OpenMessage(e)
	if err == nil {
		m.Close()
	} else if !errors.Is(err, maildir.ErrGone) {
		t.foreign.add(err.Error())
		return false
	}
	return true
}

// note counts a message by its notes. If it stays for a reason of its own, it is not
// bounced for its age.
func (t *tally) note(e maildir.Entry, note history.Note, old bool) {
	if note.Reason != "" {
		t.staying.add(e.Path() + ": " + note.Reason)
	} else if old {
		t.old++
	}
	if note.Breaks > 1 {
		t.breaks.add(e.Path())
	}
}

// say reports the mail that should not wait.
func (t *tally) say(r *report, dir string) {
	r.sayIf(t.old > 0, dir, oldMail, fmt.Sprintf("%d messages", t.old))
	t.foreign.say(r, dir, foreign)
	t.staying.say(r, dir, staying)
	t.breaks.say(r, dir, breaking)
}

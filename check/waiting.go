package check

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/maildir"
	"vodmr/relay/spool/history"
)

const (
	oldMail  diagnosis = "has mail that is older than control/queuelifetime"
	foreign  diagnosis = "has mail that vodmr-relay cannot open"
	staying  diagnosis = "has mail that no session can send"
	breaking diagnosis = "has mail that breaks each session"
	manyMore diagnosis = "has more mail than could be counted in time"
)

// checkWaiting counts the mail that waits, and finds what should not.
func (d *doctor) checkWaiting(box *maildir.Box, dir string) {
	list, err := box.Scan(time.Now().Add(d.look))
	unfinished := errors.Is(err, maildir.ErrDeadline)
	if err != nil && !unfinished {
		d.unreadable(dir, err)
		return
	}
	defer list.Close()
	if unfinished {
		d.say(dir, manyMore, fmt.Sprintf("%d", list.Len()))
	}
	if list.Len() == 0 {
		d.fine(dir, "no mail waits")
		return
	}
	notes, _ := history.Open(box.Dir(), box.Path(), func() time.Time { return d.now })
	defer notes.Close()
	d.judgeWaiting(box, list, notes, dir)
}

// A tally counts what waits in a Maildir.
type tally struct {
	count, old, foreign, stays, breaks int

	oldest                    int64  // Unix seconds
	foreigner, stayer, break1 string // an example of each, with the reason
}

// judgeWaiting goes through the mail, oldest first.
func (d *doctor) judgeWaiting(box *maildir.Box, list *maildir.List, notes *history.History, dir string) {
	settings, _ := d.controls()
	var t tally
	until := time.Now().Add(d.look)
	for e, ok := list.Next(); ok; e, ok = list.Next() {
		if t.count++; t.count == 1 {
			t.oldest = e.Time
		}
		opens := d.opens(box, e, until, &t)
		old := settings.QueueLifetime > 0 && d.now.Sub(time.Unix(e.Time, 0)) > settings.QueueLifetime
		t.note(e, notes.Of(e.Base()), old && opens)
	}
	age := d.now.Sub(time.Unix(t.oldest, 0)).Round(time.Second)
	d.fine(dir, fmt.Sprintf("%d messages wait, the oldest for %v", t.count, age))
	d.sayTally(dir, t)
}

// opens opens a message as a session does, while there is time, and notes one that it
// cannot open.
func (d *doctor) opens(box *maildir.Box, e maildir.Entry, until time.Time, t *tally) bool {
	if time.Now().After(until) {
		return true
	}
	m, err := box.OpenMessage(e)
	switch {
	case err == nil:
		m.Close()
	case !errors.Is(err, maildir.ErrGone):
		t.foreign, t.foreigner = t.foreign+1, err.Error()
		return false
	}
	return true
}

// note counts what the notes tell of a message. What stays for a reason of its own is not
// bounced for its age.
func (t *tally) note(e maildir.Entry, note history.Note, old bool) {
	if note.Reason != "" {
		t.stays, t.stayer = t.stays+1, e.Path()+": "+note.Reason
	} else if old {
		t.old++
	}
	if note.Breaks > 1 {
		t.breaks, t.break1 = t.breaks+1, e.Path()
	}
}

func (d *doctor) sayTally(dir string, t tally) {
	if t.old > 0 {
		d.say(dir, oldMail, fmt.Sprintf("%d messages", t.old))
	}
	if t.foreign > 0 {
		d.say(dir, foreign, fmt.Sprintf("%d messages, such as %s", t.foreign, t.foreigner))
	}
	if t.stays > 0 {
		d.say(dir, staying, fmt.Sprintf("%d messages, such as %s", t.stays, t.stayer))
	}
	if t.breaks > 0 {
		d.say(dir, breaking, fmt.Sprintf("%d messages, such as %s", t.breaks, t.break1))
	}
}

// names lists a folder without dot files, or what could be read of it: a folder
// of millions is not read to its end.
func names(dir string) ([]string, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const most = 100000
	all, err := f.Readdirnames(most)
	kept := all[:0]
	for _, name := range all {
		if !strings.HasPrefix(name, ".") {
			kept = append(kept, name)
		}
	}
	return kept, err
}

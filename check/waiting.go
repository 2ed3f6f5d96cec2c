package check

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/maildir"
)

const (
	oldMail  diagnosis = "has mail that is older than control/queuelifetime"
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
	notes, _ := box.OpenNotes(func() time.Time { return d.now })
	defer notes.Close()
	d.judgeWaiting(list, notes, dir)
}

// judgeWaiting goes through the mail, oldest first.
func (d *doctor) judgeWaiting(list *maildir.List, notes *maildir.Notes, dir string) {
	settings, _ := d.home.Settings(d.host)
	oldest, count, old, stays, breaks := int64(0), 0, 0, 0, 0
	example, reason := "", ""
	for e, ok := list.Next(); ok; e, ok = list.Next() {
		if count++; count == 1 {
			oldest = e.Time
		}
		if settings.QueueLifetime > 0 && d.now.Sub(time.Unix(e.Time, 0)) > settings.QueueLifetime {
			old++
		}
		note := notes.Of(e.Base())
		if note.Reason != "" {
			stays, reason = stays+1, e.Path()+": "+note.Reason
		}
		if note.Breaks > 1 {
			breaks, example = breaks+1, e.Path()
		}
	}
	age := d.now.Sub(time.Unix(oldest, 0)).Round(time.Second)
	d.fine(dir, fmt.Sprintf("%d messages wait, the oldest for %v", count, age))
	if old > 0 {
		d.say(dir, oldMail, fmt.Sprintf("%d messages", old))
	}
	if stays > 0 {
		d.say(dir, staying, fmt.Sprintf("%d messages, such as %s", stays, reason))
	}
	if breaks > 0 {
		d.say(dir, breaking, fmt.Sprintf("%d messages, such as %s", breaks, example))
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

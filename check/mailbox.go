package check

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"vodmr/maildir"
)

const (
	rootsHome  diagnosis = "belongs to root"
	otherOwner diagnosis = "belongs to somebody else than vodmr-relay runs as"
	noMaildir  diagnosis = "is no Maildir that vodmr-relay opens"
	noWay      diagnosis = "cannot be entered by the user that vodmr-relay runs as"
	diverts    diagnosis = "sends the mailbox's mail to another place"
	countsFull diagnosis = "is over its quota, and mail bounces"
	counts     diagnosis = "counts a quota"
	badLock    diagnosis = "cannot be locked"
	badNotes   diagnosis = "cannot be written, so one message goes at a time"
	oddNotes   diagnosis = "was no file of notes, and was set aside"
)

// maildir is what vodmr-relay is told, below the mailbox's folder where it is relative.
func (d *doctor) maildir() string { return first(d.service.relay.maildir, "Maildir") }

// checkMailbox looks at a mailbox's folders as its vodmr-relay will.
func (d *doctor) checkMailbox(m mailbox) {
	if m.owner.uid == 0 {
		d.say(m.home, rootsHome, "")
		return
	}
	dir := within(m.home, d.maildir())
	if s, err := stat(dir); err == nil && s.uid != m.user.uid {
		d.say(dir, otherOwner, "uid "+strconv.Itoa(int(s.uid))+", not "+m.user.String())
		return
	}
	if err := look(m.user, m.home, func() error { d.checkMaildir(m); return nil }); err != nil {
		d.unreadable(m.home, err)
	}
}

// checkMaildir looks at the Maildir with the rights that vodmr-relay will have.
func (d *doctor) checkMaildir(m mailbox) {
	dir := within(m.home, d.maildir())
	box, err := maildir.OpenFor(m.home, d.maildir(), m.user.uid)
	switch {
	case errors.Is(err, maildir.ErrOwner):
		d.say(dir, otherOwner, err.Error())
		return
	case errors.Is(err, maildir.ErrMissing):
		d.say(dir, noMaildir, err.Error())
		return
	case hidden(err) && asUser():
		d.say(dir, noWay, err.Error())
		return
	case err != nil:
		d.say(dir, cannotSee, err.Error())
		return
	}
	defer box.Close()
	if d.checkModes(m, dir) {
		d.fine(dir, "belongs to "+m.user.String()+", and to nobody else")
	}
	if m.owner.uid != m.user.uid {
		d.say(m.home, otherOwner, m.home+" belongs to "+m.owner.String()+", not "+m.user.String())
	}
	d.checkDiversion(m)
	d.checkQuota(m, dir)
	d.checkLock(m, box, dir)
	d.checkNotes(m, dir)
	d.checkWaiting(box, dir)
	d.checkDisk(dir)
}

// checkModes looks at the folders' modes.
func (d *doctor) checkModes(m mailbox, dir string) bool {
	sound := true
	for _, path := range []string{m.home, dir, dir + "/new", dir + "/cur"} {
		s, err := stat(path)
		if err != nil {
			d.unreadable(path, err)
			return false
		}
		if loosens(s) {
			d.say(path, loose, s.mode.String())
			sound = false
		}
	}
	for _, path := range []string{dir + "/new", dir + "/cur"} {
		err := may(m.user, path, mayRun)
		if err == nil {
			err = may(m.user, path, mayWrite|mayRead)
		}
		if err != nil {
			d.say(path, noWay, err.Error())
			return false
		}
	}
	return sound
}

// checkDiversion looks for a .qmail in the mailbox's folder, by which vdelivermail
// delivers in place of the Maildir.
func (d *doctor) checkDiversion(m mailbox) {
	if m.domain == nil {
		return
	}
	file := filepath.Join(m.home, ".qmail")
	dq, found, sound := d.readDotQmail(file, userOf(*m.domain))
	switch {
	case !found || !sound:
	case !dq.LeadsTo(m.home, d.maildir()):
		d.say(file, diverts, first(strings.Join(places(dq), ", "), "nowhere"))
	case len(places(dq)) > 1:
		d.say(file, alsoElsewhere, strings.Join(places(dq), ", "))
	}
}

// checkQuota looks at what maildirsize counts.
func (d *doctor) checkQuota(m mailbox, dir string) {
	file := dir + "/maildirsize"
	if _, err := stat(file); missing(err) || !d.open(file, file, m.user) {
		return
	}
	text, err := readText(m.user, file)
	if err != nil {
		d.unreadable(file, err)
		return
	}
	quota, rest, _ := strings.Cut(string(text), "\n")
	if !isQuota(quota) || strings.Trim(quota, "0SC,") == "" {
		return
	}
	used := int64(0)
	for line := range strings.Lines(rest) {
		bytes, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, _ := strconv.ParseInt(bytes, 10, 64)
		used += n
	}
	if limit := quotaBytes(quota); limit > 0 && used >= limit {
		d.say(file, countsFull, strconv.FormatInt(used, 10)+" bytes of "+quota)
		return
	}
	d.say(file, counts, quota)
}

// quotaBytes is the size in a quota such as 1000000S,500C; 0 where there is none.
func quotaBytes(quota string) int64 {
	for part := range strings.SplitSeq(quota, ",") {
		if size, ok := strings.CutSuffix(part, "S"); ok {
			n, _ := strconv.ParseInt(size, 10, 64)
			return n
		}
	}
	return 0
}

// checkLock looks whether a session could lock the mailbox.
func (d *doctor) checkLock(m mailbox, box *maildir.Box, dir string) {
	path := dir + "/vodmr.lock"
	if !d.own(m, path, badLock) {
		return
	}
	pid, err := box.Lock.Holder()
	switch {
	case err != nil:
		d.unreadable(path, err)
	case pid < 0:
		d.fine(path, "a session is under way, on another machine")
	case pid > 0:
		d.fine(path, "a session is under way, process "+strconv.Itoa(pid))
	}
}

// own reports a file that vodmr-relay opens for writing and cannot. One that is
// not there will be made.
func (d *doctor) own(m mailbox, path string, what diagnosis) bool {
	info, err := os.Lstat(path)
	switch {
	case missing(err):
		return true
	case err != nil:
		d.unreadable(path, err)
		return false
	case !info.Mode().IsRegular():
		d.say(path, what, "it is no file: "+info.Mode().String())
		return false
	}
	if err := may(m.user, path, mayRead|mayWrite); err != nil {
		d.say(path, what, err.Error())
		return false
	}
	return true
}

// checkNotes looks at the notes' file.
func (d *doctor) checkNotes(m mailbox, dir string) {
	d.own(m, dir+"/vodmr.notes", badNotes)
	if _, err := os.Lstat(dir + "/vodmr.notes.bad"); err == nil {
		d.say(dir+"/vodmr.notes.bad", oddNotes, "")
	}
}

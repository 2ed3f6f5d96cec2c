package check

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"vodmr/maildir"
)

const (
	rootsHome  kind = "wrong | belongs to root | chown it to the mailbox's own user: vodmr-relay does not run as root"
	otherOwner kind = "wrong | belongs to somebody else than vodmr-relay runs as | chown -R it to the one user that vodmr-relay runs as"
	noMaildir  kind = "wrong | is no Maildir that vodmr-relay opens | make it with maildirmake as its owner, or name the right one in the run script"
	noWay      kind = "wrong | cannot be entered by the user that vodmr-relay runs as | let its owner read, write and enter it: chmod 700"
	diverts    kind = "wrong | sends the mailbox's mail to another place | remove the file, or let it name this Maildir"
	badLock    kind = "wrong | cannot be locked | chown it to the mailbox's owner while no session runs; if it is no file, move it away"
	badNotes   kind = "wrong | cannot be written, so one message goes at a time | chown it to the mailbox's owner, or move it away while no session runs"
	oddNotes   kind = "doubtful | was no file of notes, and was quarantined | read it and remove it; counts have begun anew"
)

// An openBox is a Maildir that was opened as vodmr-relay opens it. Its checks run with the
// rights of the user that vodmr-relay runs as.
type openBox struct {
	box  *maildir.Box
	site *site
	m    *mailbox
	dir  string
}

// maildir is the mailbox's Maildir.
func (m *mailbox) maildir() string { return within(m.home, m.site.maildir()) }

// checkMailbox opens the Maildir as vodmr-relay does and runs its checks.
func checkMailbox(m *mailbox, r *report) {
	if m.owner.uid == 0 {
		r.say(m.home, rootsHome, "")
		return
	}
	if st, err := stat(m.maildir()); err == nil && st.uid != m.user.uid {
		r.say(m.maildir(), otherOwner, "uid "+strconv.Itoa(int(st.uid))+", not "+m.user.String())
		return
	}
	m.withMaildir(r, func(box *maildir.Box) { run(maildirChecks(), &openBox{box, m.site, m, m.maildir()}, r) })
}

// withMaildir opens the Maildir as vodmr-relay does, with the rights of its user, and calls
// look, or says why it cannot be opened.
func (m *mailbox) withMaildir(r *report, look func(*maildir.Box)) {
	_, err := readAs(m.user, m.home, func() (struct{}, error) {
		box, err := maildir.OpenFor(m.home, m.site.maildir(), m.user.uid)
		if err != nil {
			sayUnopenedMaildir(r, m.maildir(), err)
			return struct{}{}, nil
		}
		defer box.Close()
		look(box)
		return struct{}{}, nil
	})
	r.unreadable(m.home, err)
}

func sayUnopenedMaildir(r *report, dir string, err error) {
	switch {
	case errors.Is(err, maildir.ErrOwner):
		r.say(dir, otherOwner, err.Error())
	case errors.Is(err, maildir.ErrMissing):
		r.say(dir, noMaildir, err.Error())
	case hidden(err) && asUser():
		r.say(dir, noWay, err.Error())
	default:
		r.say(dir, cannotSee, err.Error())
	}
}

// checkModes looks at the owners and modes of the Maildir's folders.
func checkModes(b *openBox, r *report) {
	safe := safeModes(b, r)
	r.okIf(safe, b.dir, "belongs to "+b.m.user.String()+", and to nobody else")
	r.sayIf(b.m.owner.uid != b.m.user.uid, b.m.home, otherOwner, b.m.home+" belongs to "+b.m.owner.String()+", not "+b.m.user.String())
}

// safeModes reports if the user of vodmr-relay can use the folders, and no other can write
// to them.
func safeModes(b *openBox, r *report) bool {
	safe := true
	for _, path := range []string{b.m.home, b.dir, b.dir + "/new", b.dir + "/cur"} {
		st, err := stat(path)
		if r.unreadable(path, err) {
			return false
		}
		if loosens(st) {
			r.say(path, loose, st.mode.String())
			safe = false
		}
	}
	for _, path := range []string{b.dir + "/new", b.dir + "/cur"} {
		err := may(b.m.user, path, mayRun)
		if err == nil {
			err = may(b.m.user, path, mayWrite|mayRead)
		}
		if r.failed(err, path, noWay) {
			return false
		}
	}
	return safe
}

// checkDiversion looks for a .qmail in the mailbox's folder, by which vdelivermail
// delivers in place of the Maildir.
func checkDiversion(b *openBox, r *report) {
	if b.m.domain == nil {
		return
	}
	file := filepath.Join(b.m.home, ".qmail")
	dq, _, sound := readDotQmail(r, file, userOf(*b.m.domain))
	if !sound {
		return
	}
	if !dq.LeadsTo(b.m.home, b.site.maildir()) {
		r.say(file, diverts, listed(dq))
	} else if len(places(dq)) > 1 {
		r.say(file, alsoElsewhere, listed(dq))
	}
}

// checkLock looks if a session could lock the mailbox.
func checkLock(b *openBox, r *report) {
	path := b.dir + "/vodmr.lock"
	if !canWriteFile(b, r, path, badLock) {
		return
	}
	pid, err := b.box.Lock.Holder()
	switch {
	case err != nil:
		r.unreadable(path, err)
	case pid < 0:
		r.ok(path, "a session is under way, on another machine")
	case pid > 0:
		r.ok(path, "a session is under way, process "+strconv.Itoa(pid))
	}
}

// canWriteFile reports a file that vodmr-relay opens for writing and cannot. A file that is
// not there will be made.
func canWriteFile(b *openBox, r *report, path string, k kind) bool {
	info, err := os.Lstat(path)
	switch {
	case missing(err):
		return true
	case err != nil:
		r.unreadable(path, err)
		return false
	case !info.Mode().IsRegular():
		r.say(path, k, "it is no file: "+info.Mode().String())
		return false
	}
	if err := may(b.m.user, path, mayRead|mayWrite); r.failed(err, path, k) {
		return false
	}
	return true
}

// checkNotes looks at the file of notes.
func checkNotes(b *openBox, r *report) {
	canWriteFile(b, r, b.dir+"/vodmr.notes", badNotes)
	_, err := os.Lstat(b.dir + "/vodmr.notes.bad")
	r.sayIf(err == nil, b.dir+"/vodmr.notes.bad", oddNotes, "")
}

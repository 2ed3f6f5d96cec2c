package check

import (
	"errors"

	"vodmr/qmail"
)

const (
	cannotSee   kind = "doubtful | cannot be seen by this user | look again as root"
	unreadable  kind = "wrong | cannot be read by those who must | let every user enter the folders on the way and read the file, or the one user that is named; see vodmr-relay(8)"
	noProgram   kind = "wrong | is not there | install it, or write its right path"
	notRunnable kind = "wrong | cannot be run | chmod 755 the program, and let every user enter the folders on the way"
	damaged     kind = "wrong | is damaged | make it anew from its source"
	loose       kind = "wrong | can be written to by other users | chmod go-w it: others could put mail there, and qmail-local does not deliver below such a folder"
)

// unreadable says that this program, or a user that must read a file, cannot read it, if
// there is an error, and reports if there is one.
func (r *report) unreadable(subject string, err error) bool {
	if hidden(err) && !asUser() {
		return r.failed(err, subject, cannotSee)
	}
	return r.failed(err, subject, unreadable)
}

// unopened says that a database cannot be opened, if there is an error, and reports if there
// is one.
func (r *report) unopened(subject string, err error) bool {
	if errors.Is(err, qmail.ErrDamaged) {
		return r.failed(err, subject, damaged)
	}
	if errors.Is(err, qmail.ErrWritable) {
		return r.failed(err, subject, loose)
	}
	return r.unreadable(subject, err)
}

// find looks for a file. If it is not there, that is a finding of the given kind.
func (r *report) find(subject, path string, absent kind, detail string) (st status, there bool) {
	st, err := stat(path)
	if missing(err) {
		r.say(subject, absent, detail)
		return st, false
	}
	return st, !r.unreadable(subject, err)
}

// canRead reports a file that one of these users cannot open for reading.
func (r *report) canRead(subject, path string, users ...ids) bool {
	for _, w := range users {
		if r.unreadable(subject, may(w, path, mayRead)) {
			return false
		}
	}
	return true
}

// canRun reports a program that one of these users cannot run.
func (r *report) canRun(subject, path string, users ...ids) bool {
	st, there := r.find(subject, path, noProgram, path)
	if !there {
		return false
	}
	if !st.mode.IsRegular() {
		r.say(subject, notRunnable, path+" is no file")
		return false
	}
	for _, w := range users {
		err := may(w, path, mayRun)
		if isBlocked(err) {
			return !r.failed(err, subject, notRunnable)
		}
		if r.unreadable(subject, err) {
			return false
		}
	}
	return true
}

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

// unreadable reports a file that this program, or a user that must read it, cannot read.
func (r *report) unreadable(subject string, err error) {
	if hidden(err) && !asUser() {
		r.say(subject, cannotSee, err.Error())
	} else {
		r.say(subject, unreadable, err.Error())
	}
}

// unopened reports a database that cannot be opened.
func (r *report) unopened(subject string, err error) {
	switch {
	case errors.Is(err, qmail.ErrDamaged):
		r.say(subject, damaged, err.Error())
	case errors.Is(err, qmail.ErrWritable):
		r.say(subject, loose, err.Error())
	default:
		r.unreadable(subject, err)
	}
}

// canRead reports a file that one of these users cannot open for reading.
func (r *report) canRead(subject, path string, users ...ids) bool {
	for _, w := range users {
		if err := may(w, path, mayRead); err != nil {
			r.unreadable(subject, err)
			return false
		}
	}
	return true
}

// canRun reports a program that one of these users cannot run.
func (r *report) canRun(subject, path string, users ...ids) bool {
	st, err := stat(path)
	switch {
	case missing(err):
		r.say(subject, noProgram, path)
		return false
	case err != nil:
		r.unreadable(subject, err)
		return false
	case !st.mode.IsRegular():
		r.say(subject, notRunnable, path+" is no file")
		return false
	}
	for _, w := range users {
		if err := may(w, path, mayRun); isBlocked(err) {
			r.say(subject, notRunnable, err.Error())
			return false
		} else if err != nil {
			r.unreadable(subject, err)
			return false
		}
	}
	return true
}

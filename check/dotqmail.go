package check

import (
	"cmp"
	"slices"
	"strings"

	"vodmr/qmail"
)

const heldBack kind = "wrong | makes qmail-local hold all mail back | chmod go-w,a-x the file, and see that each line in it says what dot-qmail(5) allows"

// checkHeldBack looks for the reasons for which qmail-local defers each message for a
// .qmail file.
func checkHeldBack(r *report, file string, dq qmail.DotQmail) {
	st, err := stat(file)
	if err != nil {
		return // said already
	}
	if st.mode.Perm()&0o002 != 0 {
		r.say(file, heldBack, "every user may write to it, "+st.mode.String())
	} else if loosens(st) {
		r.say(file, loose, st.mode.String())
	}
	if why := dq.Deferred(st.mode.Perm()&0o100 != 0); why != "" {
		r.say(file, heldBack, why)
	}
}

// readDotQmail reads a .qmail file, if it is there, as the user that delivers by it.
func readDotQmail(r *report, file string, user ids) (dq qmail.DotQmail, found, sound bool) {
	if _, err := stat(file); missing(err) {
		return dq, false, false
	}
	if !r.canRead(file, file, user) {
		return dq, true, false
	}
	dq, err := readAs(user, file, func() (qmail.DotQmail, error) { return qmail.ReadDotQmail(file) })
	if err != nil {
		r.unreadable(file, err)
	}
	return dq, true, err == nil
}

// places lists all that a .qmail file delivers to. A program's arguments may be
// a secret, so only its name is shown.
func places(dq qmail.DotQmail) []string {
	all := slices.Concat(dq.Folders(), dq.Addresses(), dq.Others())
	for i, place := range all {
		if command, ok := strings.CutPrefix(place, "|"); ok {
			all[i] = "|" + programIn(command)
		}
	}
	return all
}

// listed are the places in one line.
func listed(dq qmail.DotQmail) string { return cmp.Or(strings.Join(places(dq), ", "), "nowhere") }

// programIn is the first word of a command line, after assignments.
func programIn(command string) string {
	for _, word := range slices.Concat(qmail.ShellCommands(command)...) {
		if !strings.Contains(word, "=") {
			return word
		}
	}
	return ""
}

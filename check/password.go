package check

import (
	"slices"
	"strconv"
	"strings"

	"vodmr/auth"
	"vodmr/internal/vpasswd"
)

const (
	openSecrets  kind = "wrong | shows passwords to other users | chmod it so that its owner alone can read it, and change the passwords if others could log in here"
	openAccounts kind = "wrong | is open to writing by others, so vodmr-checkpw lets nobody in | chmod go-w it, and give it to root or to the user that the service runs as"
	badLine      kind = "doubtful | has a line that is no account | correct the line; it is passed over"
	noLogin      kind = "wrong | has no such account | is the login right? make the account with vadduser, or a line in vodmr-checkpw's file"
	noFile       kind = "doubtful | has no file of passwords that can be looked at | see for yourself that the account has a clear password: vuserinfo -C shows it"
	noPasswords  kind = "wrong | has no file of passwords, so nobody can log in | make it: a line for each login; vadduser does for vpopmail"
	noClear      kind = "wrong | has no clear password, and there is no TLS | let vpopmail keep clear passwords and set this one again, or use TLS: CRAM-MD5 cannot work"
	keyUnasked   kind = "wrong | has a key, and nobody asks customers for theirs | give vodmr-tls the option -a any: without it nobody can log in by a key"
	noPassword   kind = "wrong | has no password at all | set a password, or a key: nobody can log in"
	longLogin    kind = "wrong | is too long for vchkpw | use a shorter login: vchkpw cuts it and says that the password is wrong"
	staleCDB     kind = "doubtful | is newer than vpasswd.cdb | vchkpw reads vpasswd.cdb: make it anew with vpopmail's vmkpasswd if you changed the file by hand"
)

// checkPasswordFile looks at a file of passwords as a whole, once.
func checkPasswordFile(m *mailbox, r *report) {
	file := m.file
	sameFile := func(other *mailbox) bool { return other.found() && other.file == file }
	if first := slices.IndexFunc(m.site.mailboxes, sameFile); m.site.mailboxes[first] != m {
		return
	}
	st, err := stat(file)
	if err != nil {
		return
	}
	checkSecrecy(r, file)
	if text, err := readText(m.site.passwordReader(m.domain), file); err == nil {
		if _, bad := vpasswd.Parse(string(text)); len(bad) > 0 {
			r.say(file, badLine, bad[0].Error())
		}
	}
	if m.byCheckpw() {
		checkAuthor(m, r, st)
		return
	}
	cdb := file + ".cdb"
	checkSecrecy(r, cdb)
	r.sayIf(older(cdb, file), file, staleCDB, "")
}

// checkAuthor looks if somebody else can write to vodmr-checkpw's file: vodmr-checkpw
// then reads nothing of it.
func checkAuthor(m *mailbox, r *report, st status) {
	runs := uint32(m.site.service.runsAs().uid)
	r.sayIf(st.mode.Perm()&0o022 != 0 || st.uid != 0 && st.uid != runs, m.file, openAccounts, st.mode.String()+", of uid "+strconv.Itoa(int(st.uid)))
}

// checkSecrecy looks if a file of passwords is open to others.
func checkSecrecy(r *report, file string) {
	st, err := stat(file)
	r.sayIf(err == nil && openToOthers(file, st), file, openSecrets, st.mode.String())
}

// openToOthers reports if a user who is neither a file's owner nor in its group can reach
// it and read or write it. A mode of 0644 below a folder of 0700, as vpopmail's own
// programs leave it, lets nobody in.
func openToOthers(path string, s status) bool {
	return s.mode.Perm()&0o007 != 0 && (may(nobody(), path, mayRead) == nil || may(nobody(), path, mayWrite) == nil)
}

// checkPassword looks at the login's password.
func checkPassword(m *mailbox, r *report) {
	r.sayIf(m.site.host != "" && !auth.FitsCRAM(m.login, m.site.host), m.login, longLogin, "")
	switch {
	case m.file == "":
		r.say(m.login, noFile, "")
	case missing(m.fileError):
		noPasswordFile(m, r)
	case m.fileError != nil:
		r.unreadable(m.login, m.fileError)
	case m.account == nil:
		r.say(m.login, noLogin, m.file)
	default:
		judgePassword(m, r)
	}
}

// noPasswordFile reports a file of passwords that is missing. That is doubtful only if
// vpopmail has its accounts in a database, or if the checkpassword program is another one.
func noPasswordFile(m *mailbox, r *report) {
	_, err := stat(m.file + ".cdb")
	if m.byCheckpw() || m.site.service.isVchkpw() && missing(err) && !m.site.service.hasDatabase() {
		r.say(m.login, noPasswords, m.file)
	} else {
		r.say(m.login, noFile, m.file)
	}
}

// judgePassword says which mechanisms can work.
func judgePassword(m *mailbox, r *report) {
	hash := len(m.account.Crypt) > 2 && !strings.ContainsAny(m.account.Crypt[:1], "*!") // not x, and not locked
	if m.byCheckpw() {
		hash = strings.HasPrefix(m.account.Crypt, "$")
	}
	keys := m.byCheckpw() && len(m.account.Keys) > 0
	switch {
	case keys && m.site.service.tls.asks:
		r.ok(m.login, "has a key, so EXTERNAL works")
	case keys:
		r.say(m.login, keyUnasked, m.file)
	case m.account.Clear != "":
		r.ok(m.login, "has a clear password, so CRAM-MD5 works")
	case !hash:
		r.say(m.login, noPassword, m.file)
	case m.site.service.tls.found:
		r.ok(m.login, "has a password's hash: atrn logs in inside TLS, and fetchmail cannot, as its CRAM-MD5 needs a clear password")
	default:
		r.say(m.login, noClear, m.file)
	}
}

package check

import (
	"path/filepath"
	"strings"

	"vodmr/auth"
	"vodmr/internal/address"
	"vodmr/internal/vpasswd"
	"vodmr/qmail"
)

const (
	openSecrets diagnosis = "shows passwords to other users"
	badLine     diagnosis = "has a line that is no account"
	noLogin     diagnosis = "has no such account"
	noFile      diagnosis = "has no file of passwords that can be looked at"
	noPasswords diagnosis = "has no file of passwords, so nobody can log in"
	noClear     diagnosis = "has no clear password, and there is no TLS"
	noClearTLS  diagnosis = "has no clear password"
	noPassword  diagnosis = "has no password at all"
	longLogin   diagnosis = "is too long for vchkpw"
	staleCDB    diagnosis = "is newer than vpasswd.cdb"
	hasQuota    diagnosis = "has a quota"
)

// passwordFile is the vpasswd file that a login's password is in, "" where that
// cannot be known.
func (d *doctor) passwordFile(domain *qmail.Domain) string {
	if file := d.checkpwFile(); file != "" {
		return file
	}
	if domain != nil {
		return filepath.Join(domain.Dir, "vpasswd")
	}
	return ""
}

// checkpwFile is vodmr-checkpw's file, "" for another checkpassword program.
func (d *doctor) checkpwFile() string {
	prog := d.service.prog
	if len(prog) > 1 && filepath.Base(prog[0]) == "vodmr-checkpw" {
		return d.service.path(prog[1])
	}
	return ""
}

// passwordReader is the user whose rights a file of passwords is read with: for vpopmail's
// the domain's own, who writes it.
func (d *doctor) passwordReader(domain *qmail.Domain) who {
	if d.checkpwFile() == "" && domain != nil {
		return userOf(*domain)
	}
	return d.service.who()
}

// userOf is the user whom qmail delivers a domain's mail as.
func userOf(domain qmail.Domain) who { return who{true, domain.UID, domain.GID} }

// passwordFiles are the files that the checkpassword program must read for the
// logins that are looked at, each with the domain's user for vpopmail's.
func (d *doctor) passwordFiles() map[string]who {
	if file := d.checkpwFile(); file != "" {
		return map[string]who{file: {}}
	}
	if !d.isVchkpw() {
		return nil
	}
	users, err := d.users()
	if err != nil {
		return nil
	}
	defer users.Close()
	files := map[string]who{}
	for _, login := range d.logins() {
		_, name := splitLogin(login)
		if domain, found, err := users.Domain(name); err == nil && found {
			files[filepath.Join(domain.Dir, "vpasswd")] = userOf(domain)
		}
	}
	return files
}

// splitLogin cuts a login as vchkpw does: @, % or / may stand in it.
func splitLogin(login string) (local, domain string) {
	login = address.Lower(login)
	for _, sign := range []string{"@", "%", "/"} {
		if local, domain, found := strings.Cut(login, sign); found {
			return local, domain
		}
	}
	return login, ""
}

// account finds a login in a file of passwords.
func (d *doctor) account(file, login string, domain *qmail.Domain) (vpasswd.Entry, bool, error) {
	text, err := readText(d.passwordReader(domain), file)
	if err != nil {
		return vpasswd.Entry{}, false, err
	}
	entries, _ := vpasswd.Parse(string(text))
	local, _ := splitLogin(login)
	if file == d.checkpwFile() {
		local = login
	}
	e, found := vpasswd.Find(entries, local)
	return e, found, nil
}

// checkPasswordFile looks at a file of passwords as a whole, once.
func (d *doctor) checkPasswordFile(m mailbox) {
	file := m.file
	if _, err := stat(file); err != nil {
		return
	}
	d.checkSecrecy(file)
	if text, err := readText(d.passwordReader(m.domain), file); err == nil {
		if _, bad := vpasswd.Parse(string(text)); len(bad) > 0 {
			d.say(file, badLine, bad[0].Error())
		}
	}
	if file == d.checkpwFile() {
		return
	}
	cdb := file + ".cdb"
	d.checkSecrecy(cdb)
	if older(cdb, file) {
		d.say(file, staleCDB, "")
	}
}

// checkSecrecy looks whether a file of passwords is open to others.
func (d *doctor) checkSecrecy(file string) {
	if s, err := stat(file); err == nil && openToOthers(file, s) {
		d.say(file, openSecrets, s.mode.String())
	}
}

// openToOthers says whether a user who has nothing to do with a file can get to it and
// read or write it. A mode of 0644 below a folder of 0700, as vpopmail's own programs
// leave it, lets nobody in.
func openToOthers(path string, s status) bool {
	return s.mode.Perm()&0o007 != 0 && (may(nobody(), path, mayRead) == nil || may(nobody(), path, mayWrite) == nil)
}

// checkPassword looks at how a login can prove who it is.
func (d *doctor) checkPassword(m mailbox) {
	if d.host != "" && !auth.FitsCRAM(m.login, d.host) {
		d.say(m.login, longLogin, "")
	}
	if m.file == "" {
		d.say(m.login, noFile, "")
		return
	}
	switch {
	case missing(m.fileError):
		d.noPasswordFile(m)
		return
	case m.fileError != nil:
		d.unreadable(m.login, m.fileError)
		return
	case m.account == nil:
		d.say(m.login, noLogin, m.file)
		return
	}
	d.judgePassword(m)
	d.checkAccount(m)
}

// noPasswordFile says whether a file that is not there keeps logins out. vpopmail may
// have its accounts in a database, and another checkpassword program elsewhere.
func (d *doctor) noPasswordFile(m mailbox) {
	_, err := stat(m.file + ".cdb")
	if m.file == d.checkpwFile() || d.isVchkpw() && missing(err) && !d.hasDatabase() {
		d.say(m.login, noPasswords, m.file)
	} else {
		d.say(m.login, noFile, m.file)
	}
}

// hasDatabase says whether vpopmail keeps its accounts in a database: it then has a file
// in its etc, such as vpopmail.mysql, that says how to get there.
func (d *doctor) hasDatabase() bool {
	files, _ := filepath.Glob(d.vpopmailFile("vpopmail.*sql"))
	more, _ := filepath.Glob(d.vpopmailFile("vpopmail.ldap"))
	return len(files)+len(more) > 0
}

// vpopmailFile is a file in vpopmail's etc, which lies beside vchkpw's bin.
func (d *doctor) vpopmailFile(name string) string {
	program := d.service.path(d.service.prog[0])
	if real, err := filepath.EvalSymlinks(program); err == nil {
		program = real
	}
	return filepath.Join(filepath.Dir(filepath.Dir(program)), "etc", name)
}

// judgePassword says which mechanisms can work.
func (d *doctor) judgePassword(m mailbox) {
	hash := len(m.account.Crypt) > 2 && !strings.ContainsAny(m.account.Crypt[:1], "*!") // not x, and not locked
	switch {
	case m.account.Clear != "":
		d.fine(m.login, "has a clear password, so CRAM-MD5 works")
	case !hash:
		d.say(m.login, noPassword, m.file)
	case d.service.tls.found:
		d.say(m.login, noClearTLS, m.file)
	default:
		d.say(m.login, noClear, m.file)
	}
}

// isQuota tells a quota from what vpopmail writes where there is none.
func isQuota(field string) bool {
	switch field {
	case "", "-", "NOQUOTA", "0":
		return false
	}
	return field[0] >= '0' && field[0] <= '9'
}

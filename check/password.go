package check

import (
	"path/filepath"
	"strings"

	"vodmr/auth"
	"vodmr/internal/vpasswd"
	"vodmr/qmail"
)

const (
	openSecrets diagnosis = "shows passwords to other users"
	badLine     diagnosis = "has a line that is no account"
	noLogin     diagnosis = "has no such account"
	noFile      diagnosis = "has no file of passwords that can be looked at"
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

// passwordFiles are the files that the checkpassword program must read for the
// logins that are looked at.
func (d *doctor) passwordFiles() (files []string) {
	if file := d.checkpwFile(); file != "" {
		return []string{file}
	}
	if !d.isVchkpw() {
		return nil
	}
	users, err := d.home.Users()
	if err != nil {
		return nil
	}
	defer users.Close()
	for _, login := range d.logins() {
		_, name := splitLogin(login)
		if domain, found, err := users.Domain(name); err == nil && found {
			files = append(files, filepath.Join(domain.Dir, "vpasswd"))
		}
	}
	return files
}

// splitLogin cuts a login as vchkpw does: @, % or / may stand in it.
func splitLogin(login string) (local, domain string) {
	login = qmail.Lower(login)
	for _, sign := range []string{"@", "%", "/"} {
		if local, domain, found := strings.Cut(login, sign); found {
			return local, domain
		}
	}
	return login, ""
}

// account finds a login in a file of passwords.
func (d *doctor) account(file, login string) (vpasswd.Entry, bool, error) {
	text, err := qmail.ReadFile(file)
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
func (d *doctor) checkPasswordFile(file string) {
	s, err := stat(file)
	if err != nil {
		return
	}
	if s.mode.Perm()&0o007 != 0 {
		d.say(file, openSecrets, s.mode.String())
	}
	if text, err := qmail.ReadFile(file); err == nil {
		if _, bad := vpasswd.Parse(string(text)); len(bad) > 0 {
			d.say(file, badLine, bad[0].Error())
		}
	}
	if cdb := file + ".cdb"; file != d.checkpwFile() && older(cdb, file) {
		d.say(file, staleCDB, "")
	}
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
		d.say(m.login, noFile, m.file)
		return
	case m.fileError != nil:
		d.unreadable(m.login, m.fileError)
		return
	case m.account == nil:
		d.say(m.login, noLogin, m.file)
		return
	}
	d.judgePassword(m)
	if quota := m.account.Shell; m.domain != nil && isQuota(quota) {
		d.say(m.login, hasQuota, quota+" in "+m.file)
	}
}

// judgePassword says which mechanisms can work.
func (d *doctor) judgePassword(m mailbox) {
	hash := len(m.account.Crypt) > 2 // not x, * or !!
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

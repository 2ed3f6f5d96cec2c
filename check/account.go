package check

import (
	"path/filepath"
	"strings"

	"vodmr/internal/vpasswd"
)

const (
	rootsAccount kind = "wrong | has uid 0, which vodmr-checkpw refuses | write the uid and the gid of its folder's owner into its line"
	noSMTP       kind = "wrong | may not use SMTP, so vchkpw refuses the right password | vmoduser -x LOGIN takes it off the account, vmoddomlimits or an editor off the domain"
	shutAccount  kind = "wrong | bounces the mail of its own address | vmoduser -x LOGIN: mail for the login's own address is lost for the customer"
	outside      kind = "wrong | has its mailbox outside its domain's folder, so ATRN gets 451 | let its line in vpasswd name a folder below its domain's"
)

// What vpopmail's fourth field, of flags, means; vpopmail.h has their names.
const (
	bounceMail     = 0x10
	flagNoSMTP     = 0x800
	overridesLimit = 0x2000 // what the domain's limits say does not count
)

// checkAccount looks at the rest of a login's line in the file of passwords.
func (d *doctor) checkAccount(m mailbox) {
	if m.domain != nil && isQuota(m.account.Shell) {
		d.say(m.login, hasQuota, m.account.Shell+" in "+m.file)
	}
	if m.file == d.checkpwFile() {
		if m.account.UID == 0 && d.startsAsRoot() {
			d.say(m.login, rootsAccount, m.file)
		}
		return
	}
	if m.domain == nil || !d.isVchkpw() {
		return
	}
	if m.account.GID&bounceMail != 0 {
		d.say(m.login, shutAccount, "bit 16 of the fourth field in "+m.file)
	}
	d.checkSMTP(m)
	d.checkPlace(m)
}

// startsAsRoot says whether the checkpassword program is root, as far as is known.
func (d *doctor) startsAsRoot() bool {
	w := d.service.who()
	return w.known && w.uid == 0
}

// checkSMTP looks for what makes vchkpw refuse each login of a connection that it takes
// for SMTP, as it does with vodmr's -p.
func (d *doctor) checkSMTP(m mailbox) {
	switch {
	case !isSMTPPort(d.service.vodmr.port):
	case m.account.GID&flagNoSMTP != 0:
		d.say(m.login, noSMTP, "bit 2048 of the fourth field in "+m.file)
	case m.account.GID&overridesLimit == 0:
		if file, text := d.limits(m); disablesSMTP(text) {
			d.say(m.login, noSMTP, "disable_smtp in "+file)
		}
	}
}

// isSMTPPort says whether vchkpw takes a connection to a port for SMTP.
func isSMTPPort(port int) bool { return port == 25 || port == 465 || port == 587 }

// limits reads the file that limits a domain: its own, or the one of all.
func (d *doctor) limits(m mailbox) (file, text string) {
	file = filepath.Join(m.domain.Dir, ".qmailadmin-limits")
	own, err := readText(userOf(*m.domain), file)
	if missing(err) {
		file = d.vpopmailFile("vlimits.default")
		own, err = readText(who{}, file)
	}
	if err != nil && !missing(err) {
		d.unreadable(file, err)
	}
	return file, string(own)
}

// disablesSMTP says whether a file of limits does so: names and values, with blanks or a
// colon between them.
func disablesSMTP(text string) bool {
	for line := range strings.Lines(text) {
		if name := line[:max(strings.IndexAny(line+"\n", " \t:\r\n"), 0)]; name == "disable_smtp" {
			return true
		}
	}
	return false
}

// checkPlace looks where an account's mailbox lies: root's vodmr-relay believes only what
// is below the domain's folder.
func (d *doctor) checkPlace(m mailbox) {
	if !d.startsAsRoot() {
		return
	}
	home, err1 := filepath.EvalSymlinks(m.home)
	dir, err2 := filepath.EvalSymlinks(m.domain.Dir)
	if err1 == nil && err2 == nil && !strings.HasPrefix(home, dir+"/") {
		d.say(m.login, outside, m.home)
	}
}

// runsAs is the user that vodmr-relay runs as for a mailbox: that of the service's
// programs. If they are root, it is the one in vodmr-checkpw's file; with another
// checkpassword program the domain's; and without a domain HOME's owner.
func (d *doctor) runsAs(m mailbox) who {
	w := d.service.who()
	switch {
	case w.known && w.uid != 0:
		return w
	case !w.known:
		return m.owner
	case m.file == d.checkpwFile() && m.account != nil && m.account.UID != 0:
		return accountUser(*m.account)
	case m.file != d.checkpwFile() && m.domain != nil && m.domain.UID != 0:
		return userOf(*m.domain)
	}
	return m.owner
}

func accountUser(e vpasswd.Entry) who { return who{true, uint32(e.UID), uint32(e.GID)} }

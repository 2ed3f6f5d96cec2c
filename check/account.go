package check

import (
	"path/filepath"
	"strings"
)

const (
	rootsAccount kind = "wrong | has uid 0, which vodmr-checkpw refuses | write the uid and the gid of its folder's owner into its line"
	noSMTP       kind = "wrong | may not use SMTP, so vchkpw refuses the right password | vmoduser -x LOGIN takes it off the account, vmoddomlimits or an editor off the domain"
	shutAccount  kind = "wrong | bounces the mail of its own address | vmoduser -x LOGIN: mail for the login's own address is lost for the customer"
	hasQuota     kind = "wrong | has a quota | vsetuserquota LOGIN NOQUOTA: a full mailbox bounces the whole domain's mail"
	outside      kind = "wrong | has its mailbox outside its domain's folder, so ATRN gets 451 | let its line in vpasswd name a folder below its domain's"
)

// Flags in the fourth field of vpopmail's vpasswd; vpopmail.h has their names.
const (
	bounceMail     = 0x10
	flagNoSMTP     = 0x800
	overridesLimit = 0x2000 // the domain's limits do not count
)

// checkAccount looks at the rest of a login's line in the file of passwords.
func checkAccount(m *mailbox, r *report) {
	if m.account == nil {
		return
	}
	r.sayIf(m.domain != nil && isQuota(m.account.Shell), m.login, hasQuota, m.account.Shell+" in "+m.file)
	if m.byCheckpw() {
		r.sayIf(m.account.UID == 0 && m.site.service.startsAsRoot(), m.login, rootsAccount, m.file)
		return
	}
	if m.domain == nil || !m.site.service.isVchkpw() {
		return
	}
	r.sayIf(m.account.GID&bounceMail != 0, m.login, shutAccount, "bit 16 of the fourth field in "+m.file)
	checkSMTP(m, r)
	checkPlace(m, r)
}

// checkSMTP looks if vchkpw refuses each login of a connection that it takes for SMTP. By
// vodmr's -p it takes this one for SMTP.
func checkSMTP(m *mailbox, r *report) {
	if !isSMTPPort(m.site.service.vodmr.port) {
		return
	}
	if m.account.GID&flagNoSMTP != 0 {
		r.say(m.login, noSMTP, "bit 2048 of the fourth field in "+m.file)
	} else if m.account.GID&overridesLimit == 0 {
		file, text := limits(m, r)
		r.sayIf(disablesSMTP(text), m.login, noSMTP, "disable_smtp in "+file)
	}
}

// isSMTPPort reports if vchkpw takes a connection to a port for SMTP.
func isSMTPPort(port int) bool { return port == 25 || port == 465 || port == 587 }

// limits reads the file that limits a domain: its own, or the one of all.
func limits(m *mailbox, r *report) (file, text string) {
	file = filepath.Join(m.domain.Dir, ".qmailadmin-limits")
	own, err := readText(userOf(*m.domain), file)
	if missing(err) {
		file = m.site.service.vpopmailFile("vlimits.default")
		own, err = readText(ids{}, file)
	}
	if err != nil && !missing(err) {
		r.unreadable(file, err)
	}
	return file, string(own)
}

// disablesSMTP reports if a file of limits forbids SMTP. It has names and values, with
// blanks or a colon between them.
func disablesSMTP(text string) bool {
	for line := range strings.Lines(text) {
		if name := line[:max(strings.IndexAny(line+"\n", " \t:\r\n"), 0)]; name == "disable_smtp" {
			return true
		}
	}
	return false
}

// checkPlace looks if an account's mailbox lies below the domain's folder. If vodmr-relay
// runs as root, it does not believe vpasswd about other places.
func checkPlace(m *mailbox, r *report) {
	if !m.site.service.startsAsRoot() {
		return
	}
	home, err1 := filepath.EvalSymlinks(m.home)
	dir, err2 := filepath.EvalSymlinks(m.domain.Dir)
	r.sayIf(err1 == nil && err2 == nil && !strings.HasPrefix(home, dir+"/"), m.login, outside, m.home)
}

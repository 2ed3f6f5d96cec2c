package check

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"vodmr/qmail"
)

const (
	notTaken      diagnosis = "is not taken in by qmail-smtpd"
	takesAll      diagnosis = "is missing: qmail-smtpd takes mail for the whole world"
	isLocal       diagnosis = "is in control/locals too, which counts first"
	notVirtual    diagnosis = "is not in control/virtualdomains"
	elsewhere     diagnosis = "is sent elsewhere by control/virtualdomains"
	noDefault     diagnosis = "has no .qmail-default"
	bounces       diagnosis = "bounces unknown addresses"
	deletes       diagnosis = "deletes mail to unknown addresses"
	leadsAway     diagnosis = "sends unknown addresses to another place"
	alsoElsewhere diagnosis = "sends mail to more places than this mailbox"
	ownPostmaster diagnosis = "keeps mail in a mailbox of its own"
	stickyHome    diagnosis = "is sticky, so qmail holds its mail back"
	loose         diagnosis = "can be written to by other users"
)

// checkDomain follows mail for a domain from qmail-smtpd to the mailbox.
func (d *doctor) checkDomain(users *qmail.Users, m mailbox, name string) {
	domain, known, err := users.Domain(name)
	if err != nil {
		return // said already
	}
	before := len(d.findings)
	d.checkRecipients(name)
	d.checkRoute(name, known, m)
	if len(d.findings) == before && isDir(d.Qmail) {
		d.fine(name, "qmail takes its mail and delivers it here")
	}
	if !known {
		return
	}
	d.checkDomainFolder(domain)
	d.checkDefault(users, domain, m)
	d.checkPostmaster(domain, m)
}

// checkRecipients looks whether qmail-smtpd takes mail for a domain: it, or a
// suffix that begins with a dot, is in rcpthosts or in morercpthosts.cdb.
func (d *doctor) checkRecipients(name string) {
	if !isDir(d.Qmail) {
		return
	}
	hosts, err := d.home.List("rcpthosts")
	if errors.Is(err, unix.ENOENT) {
		if !slices.ContainsFunc(d.findings, func(f finding) bool { return f.what == takesAll }) {
			d.say("control/rcpthosts", takesAll, "")
		}
		return
	}
	if err != nil {
		d.unreadable("control/rcpthosts", err)
		return
	}
	for i, host := range hosts {
		hosts[i] = qmail.Lower(host)
	}
	more, err := qmail.OpenCDB(d.home.Path("control/morercpthosts.cdb"))
	if err == nil {
		defer more.Close()
	}
	for i := 0; i < len(name); i++ {
		if i > 0 && name[i] != '.' {
			continue
		}
		if slices.Contains(hosts, name[i:]) {
			return
		}
		if more != nil {
			if _, found, _ := more.Find([]byte(name[i:])); found {
				return
			}
		}
	}
	d.say(name, notTaken, "")
}

// checkRoute looks where qmail-send sends a domain's mail.
func (d *doctor) checkRoute(name string, known bool, m mailbox) {
	me, _, _ := d.home.Line("me")
	locals, err := d.home.Locals(me)
	if err != nil {
		d.unreadable("control/locals", err)
		return
	}
	if slices.Contains(locals, name) {
		d.say(name, isLocal, "")
		return
	}
	virtual, err := d.home.VirtualDomains()
	if err != nil {
		d.unreadable("control/virtualdomains", err)
		return
	}
	prefix, found := virtual.Prefix(name)
	switch {
	case !found && isDir(d.Qmail):
		d.say(name, notVirtual, "")
	case known && found && qmail.Lower(prefix) != name:
		d.say(name, elsewhere, prefix)
	}
}

// checkDomainFolder looks at what qmail-local looks at before it delivers.
func (d *doctor) checkDomainFolder(domain qmail.Domain) {
	s, err := stat(domain.Dir)
	switch {
	case err != nil:
		d.unreadable(domain.Dir, err)
	case s.mode.Perm()&0o022 != 0:
		d.say(domain.Dir, loose, s.mode.String())
	case s.mode&fs.ModeSticky != 0:
		d.say(domain.Dir, stickyHome, s.mode.String())
	}
}

// checkDefault looks at a domain's catch-all.
func (d *doctor) checkDefault(users *qmail.Users, domain qmail.Domain, m mailbox) {
	file := domain.Dir + "/.qmail-default"
	dq, found, sound := d.readDotQmail(file, domain)
	if !found {
		d.say(domain.Name, noDefault, file)
	}
	if !found || !sound {
		return
	}
	leads, address, err := users.LeadsHere(domain, dq, m.home, d.maildir())
	switch {
	case err != nil:
		d.unreadable(file, err)
	case !leads:
		d.leadsAway(domain.Name, dq)
	case len(places(dq)) > 1:
		d.say(domain.Name, alsoElsewhere, strings.Join(places(dq), ", "))
	case address != "":
		d.fine(domain.Name, "unknown addresses lead to this mailbox, by its address "+address)
	default:
		d.fine(domain.Name, "unknown addresses lead to this mailbox, by its folder")
	}
}

// readDotQmail reads a .qmail file that is there, if the domain's user can: what is
// only root's to read must not get into the report by a link.
func (d *doctor) readDotQmail(file string, domain qmail.Domain) (dq qmail.DotQmail, found, sound bool) {
	if _, err := stat(file); missing(err) {
		return dq, false, false
	}
	if !d.open(file, file, who{true, domain.UID, domain.GID}) {
		return dq, true, false
	}
	dq, err := qmail.ReadDotQmail(file)
	if err != nil {
		d.unreadable(file, err)
	}
	return dq, true, err == nil
}

// places lists all that a .qmail file delivers to. What a program is told may be a
// secret, so only its name is shown.
func places(dq qmail.DotQmail) []string {
	all := slices.Concat(dq.Folders(), dq.Addresses(), dq.Others())
	for i, place := range all {
		if command, ok := strings.CutPrefix(place, "|"); ok {
			all[i] = "|" + programIn(command)
		}
	}
	return all
}

// programIn is the first word of a command line that is no assignment.
func programIn(command string) string {
	for _, word := range slices.Concat(qmail.ShellCommands(command)...) {
		if !strings.Contains(word, "=") {
			return word
		}
	}
	return ""
}

// leadsAway says what happens to mail that does not come to the mailbox.
func (d *doctor) leadsAway(subject string, dq qmail.DotQmail) {
	all := places(dq)
	switch {
	case slices.Equal(all, []string{"bounce-no-mailbox"}):
		d.say(subject, bounces, "bounce-no-mailbox in .qmail-default")
	case slices.Equal(all, []string{"delete"}):
		d.say(subject, deletes, "delete in .qmail-default")
	default:
		d.say(subject, leadsAway, first(strings.Join(all, ", "), "nowhere"))
	}
}

// checkPostmaster looks for mail that vpopmail puts into postmaster's own
// mailbox, where the customer will not see it.
func (d *doctor) checkPostmaster(domain qmail.Domain, m mailbox) {
	home := filepath.Join(domain.Dir, "postmaster")
	if e, found, err := d.account(filepath.Join(domain.Dir, "vpasswd"), "postmaster"); err == nil && found {
		home = path.Clean(e.Dir)
	}
	if home == m.home {
		return
	}
	count := 0
	for _, sub := range []string{"new", "cur"} {
		names, _ := names(filepath.Join(home, "Maildir", sub))
		count += len(names)
	}
	if count > 0 {
		d.say("postmaster@"+domain.Name, ownPostmaster, strconv.Itoa(count)+" messages in "+home+"/Maildir")
	}
}

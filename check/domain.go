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

	"vodmr/internal/address"
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
	byAddress     diagnosis = "sends unknown addresses here by an address"
	heldBack      diagnosis = "makes qmail-local hold all mail back"
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
		d.checkSystemDomain(name, m)
		return
	}
	if domain.UID == 0 {
		d.say(name, rootsMail, domain.Dir)
	}
	d.checkFolder(domain.Dir)
	d.checkDefault(users, domain, m)
	d.checkPostmaster(domain, m)
}

// checkRecipients looks whether qmail-smtpd takes mail for a domain: it, or a
// suffix that begins with a dot, is in rcpthosts or in morercpthosts.cdb.
func (d *doctor) checkRecipients(name string) {
	if !isDir(d.Qmail) {
		return
	}
	hosts, err := d.list("rcpthosts")
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
		hosts[i] = address.Lower(host)
	}
	more, err := openCDB(d.home.Path("control/morercpthosts.cdb"))
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
	locals, err := d.locals()
	if err != nil {
		d.unreadable("control/locals", err)
		return
	}
	if slices.Contains(locals, name) {
		d.say(name, isLocal, "")
		return
	}
	prefix, found, err := d.prefix(name)
	if err != nil {
		d.unreadable("control/virtualdomains", err)
		return
	}
	switch {
	case !found && isDir(d.Qmail):
		d.say(name, notVirtual, "")
	case known && found && address.Lower(prefix) != name:
		d.say(name, elsewhere, prefix)
	}
}

// locals are the domains whose mail is for users of this host.
func (d *doctor) locals() (locals []string, err error) {
	err = d.inControl(func() (err error) {
		me, _, _ := d.home.Line("me")
		locals, err = d.home.Locals(me)
		return err
	})
	return locals, err
}

// prefix is what control/virtualdomains puts before a domain's addresses.
func (d *doctor) prefix(name string) (prefix string, found bool, err error) {
	err = d.inControl(func() error {
		virtual, err := d.home.VirtualDomains()
		if err == nil {
			prefix, found = virtual.Prefix(name)
		}
		return err
	})
	return prefix, found, err
}

// checkFolder looks at what qmail-local looks at before it delivers: the folder of a
// domain or of a user.
func (d *doctor) checkFolder(dir string) {
	s, err := stat(dir)
	switch {
	case err != nil:
		d.unreadable(dir, err)
	case loosens(s):
		d.say(dir, loose, s.mode.String())
	case s.mode&fs.ModeSticky != 0:
		d.say(dir, stickyHome, s.mode.String())
	}
}

// checkDefault looks at a domain's catch-all.
func (d *doctor) checkDefault(users *qmail.Users, domain qmail.Domain, m mailbox) {
	file := domain.Dir + "/.qmail-default"
	dq, found, sound := d.readDotQmail(file, userOf(domain))
	if !found {
		d.say(domain.Name, noDefault, file)
	}
	if !found || !sound {
		return
	}
	d.checkHeldBack(file, dq)
	if dq.Empty() {
		d.fine(domain.Name, "unknown addresses go where qmail-start says")
		return
	}
	leads, address, err := users.LeadsHere(domain, dq, m.home, d.maildir())
	switch {
	case err != nil:
		d.unreadable(file, err)
	case !leads:
		d.leadsAway(domain.Name, dq)
		return
	case len(places(dq)) > 1:
		d.say(domain.Name, alsoElsewhere, strings.Join(places(dq), ", "))
	case address != "":
		d.say(domain.Name, byAddress, address)
	default:
		d.fine(domain.Name, "unknown addresses lead to this mailbox, by its folder")
	}
	d.checkDelivery(userOf(domain), within(m.home, d.maildir()))
}

// checkHeldBack looks for what makes qmail-local defer each message for a .qmail file.
func (d *doctor) checkHeldBack(file string, dq qmail.DotQmail) {
	s, err := stat(file)
	if err != nil {
		return // said already
	}
	if s.mode.Perm()&0o002 != 0 {
		d.say(file, heldBack, "every user may write to it, "+s.mode.String())
	} else if loosens(s) {
		d.say(file, loose, s.mode.String())
	}
	if why := dq.Deferred(s.mode.Perm()&0o100 != 0); why != "" {
		d.say(file, heldBack, why)
	}
}

// readDotQmail reads a .qmail file that is there, as the user who delivers by it.
func (d *doctor) readDotQmail(file string, user who) (dq qmail.DotQmail, found, sound bool) {
	if _, err := stat(file); missing(err) {
		return dq, false, false
	}
	if !d.open(file, file, user) {
		return dq, true, false
	}
	dq, err := readAs(user, file, func() (qmail.DotQmail, error) { return qmail.ReadDotQmail(file) })
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

// checkPostmaster looks for mail that vpopmail puts into postmaster's own mailbox, where
// the customer will not see it. What lies in cur has been read by somebody.
func (d *doctor) checkPostmaster(domain qmail.Domain, m mailbox) {
	home := filepath.Join(domain.Dir, "postmaster")
	if e, found, err := d.account(filepath.Join(domain.Dir, "vpasswd"), "postmaster", &domain); err == nil && found {
		home = path.Clean(e.Dir)
	}
	if home == m.home {
		return
	}
	unread := filepath.Join(home, "Maildir/new")
	all, _ := readAs(userOf(domain), unread, func() ([]string, error) { return names(unread) })
	if len(all) > 0 {
		d.say("postmaster@"+domain.Name, ownPostmaster, strconv.Itoa(len(all))+" messages in "+unread)
	}
}

package check

import (
	"errors"
	"io/fs"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"

	"vodmr/qmail"
	"vodmr/relay/grant"
)

const (
	noQmail      diagnosis = "no qmail is here"
	unreadable   diagnosis = "cannot be read by those who must"
	cannotSee    diagnosis = "cannot be seen by this user"
	noName       diagnosis = "says no host name"
	badName      diagnosis = "is no host name"
	shortName    diagnosis = "is a name without a domain"
	badLocalpart diagnosis = "is no local part of an address"
	noNumber     diagnosis = "does not begin with a number"
	shortLife    diagnosis = "is less than a day"
	noProgram    diagnosis = "is not there"
	notRunnable  diagnosis = "cannot be run"
	notSetuid    diagnosis = "is not setuid to the owner of the queue"
	noUsersCDB   diagnosis = "is missing beside users/assign"
	damaged      diagnosis = "is damaged"
	usersStale   diagnosis = "is older than users/assign"
)

// checkQmail looks at qmail's home.
func (d *doctor) checkQmail() {
	if !isDir(d.Qmail) {
		d.checkNoQmail()
		return
	}
	d.checkControl()
	d.checkQueue()
	d.checkUsers()
	d.checkSend()
	d.checkConcurrency()
	d.checkDisk(d.Qmail + "/queue")
}

// checkNoQmail looks at a site without qmail: what QMAILQUEUE names still takes bounces,
// if it is found from any folder.
func (d *doctor) checkNoQmail() {
	if d.service.env["QMAILQUEUE"] == "" {
		d.say(d.Qmail, noQmail, "")
		return
	}
	d.fine(d.Qmail, "no qmail is here, and QMAILQUEUE is set")
	d.checkQueue()
}

// checkControl looks at the control files that vodmr-relay reads.
func (d *doctor) checkControl() {
	before := len(d.findings)
	for _, name := range []string{"me", "helohost", "bouncehost", "doublebouncehost"} {
		d.checkHostFile(name)
	}
	for _, name := range []string{"bouncefrom", "doublebounceto"} {
		if line, found := d.line(name); found && strings.ContainsAny(line, "@ \t<>") {
			d.say("control/"+name, badLocalpart, line)
		}
	}
	for _, name := range []string{"bouncemaxbytes", "queuelifetime", "timeoutremote"} {
		if line, found := d.line(name); found && (line == "" || line[0] < '0' || line[0] > '9') {
			d.say("control/"+name, noNumber, line)
		}
	}
	if settings, err := d.controls(); err == nil && settings.QueueLifetime.Hours() < 24 {
		d.say("control/queuelifetime", shortLife, settings.QueueLifetime.String())
	}
	if len(d.findings) == before {
		d.fine(d.Qmail+"/control", "all files that vodmr-relay reads make sense")
	}
}

// line reads a control file's first line, and reports one that cannot be read.
func (d *doctor) line(name string) (line string, found bool) {
	path := d.home.Path("control/" + name)
	if _, err := stat(path); missing(err) || !d.openForAll("control/"+name, path) {
		return "", false
	}
	err := d.inControl(func() (err error) {
		line, found, err = d.home.Line(name)
		return err
	})
	if err != nil {
		d.unreadable("control/"+name, err)
		return "", false
	}
	return line, found
}

// inControl does something that reads control files.
func (d *doctor) inControl(do func() error) error { return look(who{}, d.home.Path("control"), do) }

// controls reads the settings that vodmr-relay takes from control files.
func (d *doctor) controls() (settings qmail.Settings, err error) {
	err = d.inControl(func() (err error) {
		settings, err = d.home.Settings(d.host)
		return err
	})
	return settings, err
}

// list reads a control file that is a list.
func (d *doctor) list(name string) (lines []string, err error) {
	err = d.inControl(func() (err error) {
		lines, err = d.home.List(name)
		return err
	})
	return lines, err
}

// openForAll reports a file that not all can read who run vodmr-relay.
func (d *doctor) openForAll(subject, path string) bool {
	for _, w := range d.readers {
		if !d.open(subject, path, w) {
			return false
		}
	}
	return true
}

// unreadable reports a file that this program, or one who must, cannot read.
func (d *doctor) unreadable(subject string, err error) {
	if hidden(err) && !asUser() {
		d.say(subject, cannotSee, err.Error())
	} else {
		d.say(subject, unreadable, err.Error())
	}
}

// open reports a file that a user who must cannot open for reading.
func (d *doctor) open(subject, path string, w who) bool {
	if err := may(w, path, mayRead); err != nil {
		d.unreadable(subject, err)
		return false
	}
	return true
}

// checkHostFile looks at a control file that holds a host name.
func (d *doctor) checkHostFile(name string) {
	subject := "control/" + name
	line, found := d.line(name)
	switch {
	case !found && name != "me":
	case !found:
		if _, err := stat(d.home.Path(subject)); missing(err) {
			d.say(subject, noName, "")
		}
	case line == "" && name == "me":
		d.say(subject, noName, "")
	case line == "":
	case !isHost(line):
		d.say(subject, badName, line)
	case !strings.Contains(strings.Trim(line, "[]"), ".") && line[0] != '[':
		d.say(subject, shortName, line)
	}
}

// isHost says whether a name can stand in EHLO: a domain, or an address in
// brackets (RFC 5321 section 4.1.3).
func isHost(name string) bool {
	if inner, ok := strings.CutPrefix(name, "["); ok {
		_, err := netip.ParseAddr(strings.TrimPrefix(strings.TrimSuffix(inner, "]"), "IPv6:"))
		return err == nil && strings.HasSuffix(name, "]")
	}
	domains, err := grant.ParseDomains(name)
	return err == nil && len(domains) == 1
}

// checkQueue looks at what bounces are given to.
func (d *doctor) checkQueue() {
	name := first(d.service.env["QMAILQUEUE"], queueProgram)
	path := within(d.Qmail, name)
	for _, w := range append(d.readers, who{known: true}) {
		if !d.runnable(name, path, w) {
			return
		}
	}
	if filepath.Clean(path) == filepath.Clean(d.home.Path(queueProgram)) && !d.writesQueue(name, path) {
		return
	}
	d.fine(name, "takes bounces")
}

const queueProgram = "bin/qmail-queue"

// writesQueue says whether qmail's own program gets the rights of the queue's owner.
func (d *doctor) writesQueue(name, path string) bool {
	s, err := stat(path)
	if err != nil {
		return true // said already
	}
	if s.mode&fs.ModeSetuid == 0 {
		d.say(name, notSetuid, s.mode.String())
		return false
	}
	queue, err := stat(d.Qmail + "/queue/pid")
	if err == nil && queue.uid != s.uid {
		d.say(name, notSetuid, "it belongs to uid "+strconv.Itoa(int(s.uid))+", and the queue to uid "+strconv.Itoa(int(queue.uid)))
		return false
	}
	return true
}

// runnable reports a program that a user cannot run.
func (d *doctor) runnable(subject, path string, w who) bool {
	s, err := stat(path)
	switch {
	case missing(err):
		d.say(subject, noProgram, path)
		return false
	case err != nil:
		d.unreadable(subject, err)
		return false
	case !s.mode.IsRegular():
		d.say(subject, notRunnable, path+" is no file")
		return false
	}
	err = may(w, path, mayRun)
	var stopped *blocked
	switch {
	case err == nil:
		return true
	case errors.As(err, &stopped):
		d.say(subject, notRunnable, err.Error())
	default:
		d.unreadable(subject, err)
	}
	return false
}

// users opens users/cdb.
func (d *doctor) users() (*qmail.Users, error) {
	return readAs(who{}, d.home.Path("users/cdb"), d.home.Users)
}

// checkUsers looks at users/cdb.
func (d *doctor) checkUsers() {
	cdb, assign := d.home.Path("users/cdb"), d.home.Path("users/assign")
	_, err := stat(cdb)
	if missing(err) {
		if _, err := stat(assign); err == nil {
			d.say("users/cdb", noUsersCDB, "")
		}
		return
	}
	if !d.openForAll("users/cdb", cdb) {
		return
	}
	users, err := d.users()
	if err == nil {
		_, _, err = users.Holding("/nobody lives here")
		_ = users.Close()
	}
	switch {
	case errors.Is(err, qmail.ErrDamaged):
		d.say("users/cdb", damaged, err.Error())
	case err != nil:
		d.unreadable("users/cdb", err)
	case older(cdb, assign):
		d.say("users/cdb", usersStale, "")
	default:
		d.fine("users/cdb", "can be read, and is as new as its source "+filepath.Base(assign))
	}
}

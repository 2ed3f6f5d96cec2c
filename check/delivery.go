package check

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"vodmr/internal/address"
	"vodmr/qmail"
)

const (
	noDelivery diagnosis = "cannot be delivered to by the domain's user"
	rootsMail  diagnosis = "belongs to root in users/cdb, so qmail-local delivers nothing"
)

// checkDelivery looks whether a user can deliver into a Maildir: a message is written in
// tmp and then moved to new. vodmr-relay needs no tmp.
func (d *doctor) checkDelivery(user who, dir string) {
	if user.uid == 0 {
		return // said already
	}
	for _, sub := range []string{dir + "/tmp", dir + "/new"} {
		if _, err := stat(sub); err == nil && !isDir(sub) {
			continue // said elsewhere of new
		}
		err := may(user, sub, mayWrite|mayRun)
		var stopped *blocked
		if errors.As(err, &stopped) || missing(err) {
			d.say(dir, noDelivery, err.Error())
			return
		}
	}
}

// A catchall is the system user's part of a domain's route: the user, and the .qmail files
// to look for. The first that is there counts.
type catchall struct {
	user  who
	home  string
	files []string
}

// systemCatchall finds the user that gets a domain's mail by its prefix in virtualdomains,
// as qmail-getpw(8) does: the longest beginning of the prefix that names a user of the
// system. If there is none, it is alias.
func (d *doctor) systemCatchall(prefix string) (c catchall, found bool) {
	name, extension := prefix, ""
	for {
		if user, home, err := d.user(name); err == nil && user.uid != 0 {
			return catchall{user, home, defaults(home, extension)}, true
		}
		cut := strings.LastIndexByte(name, '-')
		if cut < 0 {
			break
		}
		name, extension = name[:cut], prefix[cut+1:]
	}
	alias, home, err := d.user("alias")
	return catchall{alias, home, defaults(home, prefix)}, err == nil
}

// defaults are the files for an extension and all that follows a hyphen, in the order
// of dot-qmail(5).
func defaults(home, extension string) (files []string) {
	extension = strings.ReplaceAll(address.Lower(extension), ".", ":")
	for extension != "" {
		files = append(files, filepath.Join(home, ".qmail-"+extension+"-default"))
		extension = extension[:max(strings.LastIndexByte(extension, '-'), 0)]
	}
	return append(files, filepath.Join(home, ".qmail-default"))
}

// checkSystemDomain looks at the catch-all of a domain that belongs to a system user.
func (d *doctor) checkSystemDomain(name string, m mailbox) {
	prefix, found, err := d.prefix(name)
	if err != nil || !found || prefix == "" {
		return // said already
	}
	c, found := d.systemCatchall(prefix)
	if !found {
		d.say(name, noDefault, "no user for "+prefix)
		return
	}
	d.checkFolder(c.home)
	for _, file := range c.files {
		if dq, there, sound := d.readDotQmail(file, c.user); there {
			if sound {
				d.judgeSystem(name, file, c.user, dq, m)
			}
			return
		}
	}
	d.say(name, noDefault, c.files[len(c.files)-1])
}

// judgeSystem says where a system user's catch-all leads. What a program in it does cannot
// be known.
func (d *doctor) judgeSystem(name, file string, user who, dq qmail.DotQmail, m mailbox) {
	d.checkHeldBack(file, dq)
	if dq.LeadsTo(m.home, d.maildir()) {
		d.checkDelivery(user, within(m.home, d.maildir()))
	}
	switch {
	case dq.Empty():
		d.fine(name, "unknown addresses go where qmail-start says")
	case dq.LeadsTo(m.home, d.maildir()) && len(places(dq)) > 1:
		d.say(name, alsoElsewhere, strings.Join(places(dq), ", "))
	case dq.LeadsTo(m.home, d.maildir()):
		d.fine(name, "unknown addresses lead to this mailbox, by its folder")
	case slices.ContainsFunc(dq.Others(), isProgram):
		d.fine(name, "unknown addresses go to a program: "+strings.Join(places(dq), ", "))
	default:
		d.say(name, leadsAway, first(strings.Join(places(dq), ", "), "nowhere"))
	}
}

func isProgram(place string) bool { return strings.HasPrefix(place, "|") }

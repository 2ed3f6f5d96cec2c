package check

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"vodmr/internal/address"
	"vodmr/qmail"
)

const (
	notTaken      kind = "wrong | is not taken in by qmail-smtpd | write the domain into control/rcpthosts, or into morercpthosts and run qmail-newmrh"
	takesAll      kind = "doubtful | is missing: qmail-smtpd takes mail for the whole world | write your domains into control/rcpthosts"
	isLocal       kind = "wrong | is in control/locals too, which counts first | take it out of control/locals and send qmail-send a HUP"
	notVirtual    kind = "wrong | is not in control/virtualdomains | add the domain to control/virtualdomains and send qmail-send a HUP"
	elsewhere     kind = "wrong | is sent elsewhere by control/virtualdomains | let its line in control/virtualdomains name the domain itself, as vadddomain does"
	stickyHome    kind = "wrong | is sticky, so qmail holds its mail back | chmod -t the folder"
	rootsMail     kind = "wrong | belongs to root in users/cdb, so qmail-local delivers nothing | give the domain to a user of its own, and run qmail-newu"
	ownPostmaster kind = "doubtful | keeps mail in a mailbox of its own | the customer does not get this mail: read it here, or let .qmail-postmaster lead to the customer's Maildir"
)

// A route is the way of a domain's mail from qmail-smtpd to a login's mailbox.
type route struct {
	site   *site
	m      *mailbox
	name   string
	domain qmail.Domain
	known  bool // domain is in users/cdb
}

// checkAccepted looks at the domain's lines in qmail's control files.
func checkAccepted(rt *route, r *report) {
	before := r.faults()
	if rt.site.hasQmail() {
		checkRecipients(rt, r)
	}
	checkVirtual(rt, r)
	r.okIf(r.faults() == before && rt.site.hasQmail(), rt.name, "qmail takes its mail and delivers it here")
}

// checkRecipients looks if qmail-smtpd takes mail for a domain.
func checkRecipients(rt *route, r *report) {
	hosts, err := rt.site.list("rcpthosts")
	switch {
	case errors.Is(err, unix.ENOENT):
		r.say("control/rcpthosts", takesAll, "")
	case err != nil:
		r.unreadable("control/rcpthosts", err)
	case !rt.site.takes(hosts, rt.name):
		r.say(rt.name, notTaken, "")
	}
}

// takes reports if the domain, or a suffix of it that begins with a dot, is among hosts or
// in morercpthosts.cdb.
func (s *site) takes(hosts []string, domain string) bool {
	for i, host := range hosts {
		hosts[i] = address.Lower(host)
	}
	more, err := openAs(ids{}, s.home.Path("control/morercpthosts.cdb"), qmail.OpenCDB)
	if err == nil {
		defer more.Close()
	}
	for i := range len(domain) {
		if i > 0 && domain[i] != '.' {
			continue
		}
		found := slices.Contains(hosts, domain[i:])
		if !found && more != nil {
			_, found, _ = more.Find([]byte(domain[i:]))
		}
		if found {
			return true
		}
	}
	return false
}

// checkVirtual looks if qmail-send gives the domain's mail to the domain's user.
func checkVirtual(rt *route, r *report) {
	locals, err := rt.site.locals()
	if r.unreadable("control/locals", err) {
		return
	}
	if slices.Contains(locals, rt.name) {
		r.say(rt.name, isLocal, "")
		return
	}
	prefix, found, err := rt.site.prefix(rt.name)
	switch {
	case err != nil:
		r.unreadable("control/virtualdomains", err)
	case !found && rt.site.hasQmail():
		r.say(rt.name, notVirtual, "")
	case rt.known && found && address.Lower(prefix) != rt.name:
		r.say(rt.name, elsewhere, prefix)
	}
}

// checkFolder looks at the folder of a domain or of a user as qmail-local does before it
// delivers.
func checkFolder(r *report, dir string) {
	st, err := stat(dir)
	switch {
	case err != nil:
		r.unreadable(dir, err)
	case loosens(st):
		r.say(dir, loose, st.mode.String())
	case st.mode&fs.ModeSticky != 0:
		r.say(dir, stickyHome, st.mode.String())
	}
}

// checkPostmaster looks for mail that vpopmail puts into postmaster's own mailbox, so that
// the customer will not see it. Messages in cur have been read by somebody.
func checkPostmaster(rt *route, r *report) {
	if !rt.known {
		return
	}
	domain := rt.domain
	home := filepath.Join(domain.Dir, "postmaster")
	if e, found, err := rt.site.account(filepath.Join(domain.Dir, "vpasswd"), "postmaster", &domain); err == nil && found {
		home = path.Clean(e.Dir)
	}
	if home == rt.m.home {
		return
	}
	unread := filepath.Join(home, "Maildir/new")
	all, _ := openAs(userOf(domain), unread, names)
	r.sayIf(len(all) > 0, "postmaster@"+domain.Name, ownPostmaster, strconv.Itoa(len(all))+" messages in "+unread)
}

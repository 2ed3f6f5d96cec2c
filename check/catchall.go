package check

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"vodmr/internal/address"
	"vodmr/qmail"
)

const (
	noDefault     kind = "wrong | has no .qmail-default | write one that leads to this mailbox, as INSTALL shows"
	bounces       kind = "wrong | bounces unknown addresses | let .qmail-default lead to this mailbox, as INSTALL shows"
	deletes       kind = "wrong | deletes mail to unknown addresses | let .qmail-default lead to this mailbox, as INSTALL shows"
	leadsAway     kind = "wrong | sends unknown addresses to another place | let .qmail-default lead to this mailbox, as INSTALL shows, or look at the other place's login"
	byAddress     kind = "doubtful | sends unknown addresses here by an address | name the mailbox's folder instead, as INSTALL shows: by an address, qmail-inject takes Return-Path and Bcc out of each message and adds fields"
	alsoElsewhere kind = "doubtful | sends mail to more places than this mailbox | is this what you want? see dot-qmail(5)"
	noDelivery    kind = "wrong | cannot be delivered to by the domain's user | let the domain's user write to it, with a tmp, new and cur in it; see maildirmake(1)"
)

// A catchall is the user that delivers the mail for a domain's unknown addresses, and the
// .qmail files to look for. The first that is there counts.
type catchall struct {
	user  ids
	home  string
	files []string
}

// checkCatchall follows mail for unknown addresses to the mailbox.
func checkCatchall(rt *route, r *report) {
	c, found := rt.catchall(r)
	if !found {
		return
	}
	checkFolder(r, c.home)
	for _, file := range c.files {
		dq, there, sound := readDotQmail(r, file, c.user)
		if sound {
			judgeCatchall(rt, r, c.user, file, dq)
		}
		if there {
			return
		}
	}
	r.say(rt.name, noDefault, c.files[len(c.files)-1])
}

// catchall finds the domain's catchall in users/cdb or, if the domain is not there, by its
// prefix in virtualdomains.
func (rt *route) catchall(r *report) (c catchall, found bool) {
	if rt.known {
		r.sayIf(rt.domain.UID == 0, rt.name, rootsMail, rt.domain.Dir)
		return catchall{userOf(rt.domain), rt.domain.Dir, []string{rt.domain.Dir + "/.qmail-default"}}, true
	}
	prefix, found, err := rt.site.prefix(rt.name)
	if err != nil || !found || prefix == "" {
		return c, false // said already
	}
	c, found = rt.site.systemCatchall(prefix)
	r.sayIf(!found, rt.name, noDefault, "no user for "+prefix)
	return c, found
}

// systemCatchall finds the user that gets a domain's mail by its prefix in virtualdomains,
// as qmail-getpw(8) does: the longest beginning of the prefix that names a user of the
// system. If there is none, it is alias.
func (s *site) systemCatchall(prefix string) (c catchall, found bool) {
	name, extension := prefix, ""
	for {
		if user, home, err := s.user(name); err == nil && user.uid != 0 {
			return catchall{user, home, defaults(home, extension)}, true
		}
		cut := strings.LastIndexByte(name, '-')
		if cut < 0 {
			break
		}
		name, extension = name[:cut], prefix[cut+1:]
	}
	alias, home, err := s.user("alias")
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

// judgeCatchall says which way the mail goes that is delivered by a .qmail file.
func judgeCatchall(rt *route, r *report, user ids, file string, dq qmail.DotQmail) {
	checkHeldBack(r, file, dq)
	if dq.Empty() {
		r.ok(rt.name, "unknown addresses go where qmail-start says")
	} else if rt.known {
		judgeDomain(rt, r, user, file, dq)
	} else {
		judgeSystem(rt, r, user, dq)
	}
}

// judgeDomain says which way the mail of a vpopmail domain goes.
func judgeDomain(rt *route, r *report, user ids, file string, dq qmail.DotQmail) {
	leads, address, err := rt.site.users.LeadsHere(rt.domain, dq, rt.m.home, rt.site.maildir())
	switch {
	case err != nil:
		r.unreadable(file, err)
	case !leads:
		sayLeadsAway(r, rt.name, dq)
		return
	case len(places(dq)) > 1:
		r.say(rt.name, alsoElsewhere, listed(dq))
	case address != "":
		r.say(rt.name, byAddress, address)
	default:
		r.ok(rt.name, "unknown addresses lead to this mailbox, by its folder")
	}
	checkDelivery(r, user, rt.m.maildir())
}

// sayLeadsAway reports a .qmail-default that does not lead to the mailbox.
func sayLeadsAway(r *report, subject string, dq qmail.DotQmail) {
	place := listed(dq)
	if word, is := map[string]kind{"bounce-no-mailbox": bounces, "delete": deletes}[place]; is {
		r.say(subject, word, place+" in .qmail-default")
	} else {
		r.say(subject, leadsAway, place)
	}
}

// judgeSystem says which way the mail of a system user's domain goes. If a program gets
// it, nobody can know.
func judgeSystem(rt *route, r *report, user ids, dq qmail.DotQmail) {
	leads := dq.LeadsTo(rt.m.home, rt.site.maildir())
	if leads {
		checkDelivery(r, user, rt.m.maildir())
	}
	switch {
	case leads && len(places(dq)) > 1:
		r.say(rt.name, alsoElsewhere, listed(dq))
	case leads:
		r.ok(rt.name, "unknown addresses lead to this mailbox, by its folder")
	case slices.ContainsFunc(dq.Others(), isProgram):
		r.ok(rt.name, "unknown addresses go to a program: "+listed(dq))
	default:
		r.say(rt.name, leadsAway, listed(dq))
	}
}

func isProgram(place string) bool { return strings.HasPrefix(place, "|") }

// checkDelivery looks if a user can deliver into a Maildir: a message is written in
// tmp and then moved to new. vodmr-relay needs no tmp.
func checkDelivery(r *report, user ids, dir string) {
	if user.uid == 0 {
		return // said already
	}
	for _, sub := range []string{dir + "/tmp", dir + "/new"} {
		if _, err := stat(sub); err == nil && !isDir(sub) {
			continue // said elsewhere of new
		}
		err := may(user, sub, mayWrite|mayRun)
		if isBlocked(err) || missing(err) {
			r.say(dir, noDelivery, err.Error())
			return
		}
	}
}

const heldBack kind = "wrong | makes qmail-local hold all mail back | chmod go-w,a-x the file, and see that each line in it says what dot-qmail(5) allows"

// checkHeldBack looks for the reasons for which qmail-local defers each message for a
// .qmail file.
func checkHeldBack(r *report, file string, dq qmail.DotQmail) {
	st, err := stat(file)
	if err != nil {
		return // said already
	}
	if st.mode.Perm()&0o002 != 0 {
		r.say(file, heldBack, "every user may write to it, "+st.mode.String())
	} else if loosens(st) {
		r.say(file, loose, st.mode.String())
	}
	why := dq.Deferred(st.mode.Perm()&0o100 != 0)
	r.sayIf(why != "", file, heldBack, why)
}

// readDotQmail reads a .qmail file, if it is there, as the user that delivers by it.
func readDotQmail(r *report, file string, user ids) (dq qmail.DotQmail, found, sound bool) {
	if _, err := stat(file); missing(err) {
		return dq, false, false
	}
	if !r.canRead(file, file, user) {
		return dq, true, false
	}
	dq, err := openAs(user, file, qmail.ReadDotQmail)
	return dq, true, !r.unreadable(file, err)
}

// places lists all that a .qmail file delivers to. A program's arguments may be
// a secret, so only its name is shown.
func places(dq qmail.DotQmail) []string {
	all := slices.Concat(dq.Folders(), dq.Addresses(), dq.Others())
	for i, place := range all {
		if command, ok := strings.CutPrefix(place, "|"); ok {
			all[i] = "|" + programIn(command)
		}
	}
	return all
}

// listed are the places in one line.
func listed(dq qmail.DotQmail) string { return cmp.Or(strings.Join(places(dq), ", "), "nowhere") }

// programIn is the first word of a command line, after assignments.
func programIn(command string) string {
	for _, word := range slices.Concat(qmail.ShellCommands(command)...) {
		if !strings.Contains(word, "=") {
			return word
		}
	}
	return ""
}

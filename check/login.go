package check

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	boxes "vodmr/internal/locate"
	"vodmr/internal/vpasswd"
	"vodmr/qmail"
	"vodmr/relay/grant"
)

const (
	noLogins    diagnosis = "none is named, and no rule names one"
	noMailbox   diagnosis = "has no mailbox that can be found"
	lookupFails diagnosis = "cannot be looked up: ATRN gets 451"
	denied      diagnosis = "is denied by the rules"
	notListed   diagnosis = "has no line in the rules"
	needsTLS    diagnosis = "gets no mail without TLS, and there is none"
	holdsNone   diagnosis = "may have the mail of no domain"
)

// A mailbox is what a login stands for.
type mailbox struct {
	login  string
	home   string
	domain *qmail.Domain // where it lives; nil for no domain's
	owner  who           // HOME's
	user   who           // what vodmr-relay runs as

	file      string // of passwords
	fileError error
	account   *vpasswd.Entry
}

// logins are those to look at: as named, or as the rules have them.
func (d *doctor) logins() (logins []string) {
	if len(d.Logins) > 0 || d.Rules == "" {
		return d.Logins
	}
	rules, err := d.rules()
	if err != nil {
		return nil
	}
	defer rules.Close()
	_ = rules.Each(func(key string, rule qmail.Rule) error {
		if key != "" && key[0] != '@' && !rule.Deny && !slices.Contains(logins, key) {
			logins = append(logins, key)
		}
		return nil
	})
	return logins
}

// checkLogins looks at each login.
func (d *doctor) checkLogins() {
	logins := d.logins()
	if len(logins) == 0 {
		d.say("logins", noLogins, "")
	}
	users, err := d.users()
	if err != nil {
		if hidden(err) && len(logins) > 0 {
			d.say("logins", cannotSee, err.Error())
		}
		return // said already
	}
	defer users.Close()
	var files []string
	for _, login := range logins {
		m, ok := d.find(users, login)
		if !ok {
			continue
		}
		if m.file != "" && !slices.Contains(files, m.file) {
			files = append(files, m.file)
			d.checkPasswordFile(m)
		}
		d.checkLogin(users, m)
	}
}

// find finds a login's mailbox: where the checkpassword program's file has it,
// else where package mailbox would look.
func (d *doctor) find(users *qmail.Users, login string) (mailbox, bool) {
	m := mailbox{login: login}
	local, name := splitLogin(login)
	if domain, found, err := users.Domain(name); err == nil && found {
		m.domain = &domain
		login = local + "@" + name
	}
	m.home = d.usualHome(login, m.domain)
	d.findAccount(&m)
	login = m.login
	switch {
	case m.home == "" && hidden(m.fileError):
		d.say(login, cannotSee, m.fileError.Error()) // the file may well name one
		return m, false
	case m.home == "":
		d.say(login, noMailbox, "")
		return m, false
	}
	s, err := stat(m.home)
	switch {
	case missing(err):
		d.say(login, noMailbox, m.home)
		return m, false
	case err != nil:
		d.unreadable(login, err)
		return m, false
	}
	m.owner = who{true, s.uid, s.gid}
	m.user = d.runsAs(m)
	return m, true
}

// usualHome is where package mailbox looks for a login's mailbox, "" for nowhere.
func (d *doctor) usualHome(login string, domain *qmail.Domain) string {
	find := func() (boxes.Place, error) { return boxes.Find(d.home, login) }
	var place boxes.Place
	var err error
	if domain == nil {
		place, err = find() // reads only what is root's
	} else {
		place, err = readAs(userOf(*domain), domain.Dir, find)
	}
	if err != nil {
		return ""
	}
	return place.Home
}

// mailboxes are those of all logins that have one, without a word about others.
func (d *doctor) mailboxes() (found []mailbox) {
	users, err := d.users()
	if err != nil {
		return nil
	}
	defer users.Close()
	quiet := &doctor{Config: d.Config, system: d.system, service: d.service, home: d.home, report: newReport(io.Discard)}
	for _, login := range d.logins() {
		if m, ok := quiet.find(users, login); ok {
			found = append(found, m)
		}
	}
	return found
}

// findAccount looks the login up in the file of passwords.
func (d *doctor) findAccount(m *mailbox) {
	if m.file = d.passwordFile(m.domain); m.file == "" {
		return
	}
	e, found, err := d.account(m.file, m.login, m.domain)
	m.fileError = err
	if found {
		m.account = &e
		m.home = filepath.Clean(e.Dir)
	}
}

// checkLogin looks at a login as ATRN does, and then at its mailbox.
func (d *doctor) checkLogin(users *qmail.Users, m mailbox) {
	d.checkPassword(m)
	found, err := d.lookUp(m)
	switch {
	case hidden(err) && os.Getuid() != 0:
		d.say(m.login, cannotSee, err.Error())
	case err != nil:
		d.say(m.login, lookupFails, err.Error())
	case found.Refusal.Code != 0:
		d.refused(m, found)
	default:
		d.fine(m.login, "may have the mail of "+strings.Join(found.Domains, ", "))
	}
	if found.Settings.RequireTLS && d.service.vodmr.found && !d.service.tls.found {
		d.say(m.login, needsTLS, "VODMR_REQUIRETLS")
	}
	domains := found.Domains
	if m.domain != nil && !slices.Contains(domains, m.domain.Name) {
		domains = append(domains, m.domain.Name)
	}
	for _, domain := range domains {
		d.checkDomain(users, m, domain)
	}
	d.checkMailbox(m)
}

// lookUp asks as vodmr-relay would, with the rights that it has.
func (d *doctor) lookUp(m mailbox) (grant.Lookup, error) {
	return readAs(m.user, m.home, func() (grant.Lookup, error) {
		return grant.LookUp(grant.Site{Qmail: d.home, Rules: d.Rules}, m.login, m.home, d.maildir(),
			func(name string) string { return d.service.env[name] })
	})
}

// refused says why a login gets no mail. Where no domain's catch-all leads to it,
// what is found at the domain says the rest.
func (d *doctor) refused(m mailbox, found grant.Lookup) {
	reply := found.Refusal.String()
	if d.Rules != "" {
		rules, err := d.rules()
		if err == nil {
			defer rules.Close()
			rule, listed, _ := rules.For(found.Login)
			switch {
			case !listed:
				d.say(m.login, notListed, reply)
				return
			case rule.Deny:
				d.say(m.login, denied, reply)
				return
			}
		}
	}
	d.say(m.login, holdsNone, fmt.Sprintf("ATRN gets %s", reply))
}

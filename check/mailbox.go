package check

import (
	"path/filepath"
	"slices"

	"vodmr/internal/address"
	"vodmr/internal/locate"
	"vodmr/internal/vpasswd"
	"vodmr/qmail"
	"vodmr/relay/grant"
)

// A mailbox has the facts about a login.
type mailbox struct {
	site   *site
	login  string
	home   string        // "" if no file names one
	err    error         // home cannot be looked at
	domain *qmail.Domain // nil for a login outside the domains of users/cdb
	owner  ids           // HOME's
	user   ids           // vodmr-relay runs as this user

	file      string // of passwords; "" if it is not known
	fileError error
	account   *vpasswd.Entry // nil if the file has none

	grant    grant.Lookup // the answer to ATRN
	grantErr error
}

// logins are the logins to look at: those named, or those in the rules.
func (s *site) logins() (logins []string) {
	if s.Probe != "" && !slices.Contains(s.Logins, s.Probe) {
		return append(slices.Clone(s.Logins), s.Probe)
	}
	if len(s.Logins) > 0 || s.rules == nil {
		return s.Logins
	}
	_ = s.rules.Each(func(key string, rule qmail.Rule) {
		if key != "" && key[0] != '@' && !rule.Deny && !slices.Contains(logins, key) {
			logins = append(logins, key)
		}
	})
	return logins
}

// findMailboxes finds the mailbox of each login, if users/cdb can be read.
func (s *site) findMailboxes() {
	if s.usersErr != nil {
		return
	}
	for _, login := range s.logins() {
		m := &mailbox{site: s, login: login}
		m.find()
		s.mailboxes = append(s.mailboxes, m)
	}
}

// find finds the mailbox that the checkpassword program's file names. If there is none, it
// is the one that package locate finds.
func (m *mailbox) find() {
	local, name := qmail.SplitLogin(address.Lower(m.login))
	full := m.login
	if domain, found, err := m.site.users.Domain(name); err == nil && found {
		m.domain = &domain
		full = local + "@" + name
	}
	m.home = m.site.usualHome(full, m.domain)
	m.findAccount()
	if m.home == "" {
		return
	}
	st, err := stat(m.home)
	if m.err = err; err != nil {
		return
	}
	m.owner = ids{true, st.uid, st.gid}
	m.user = m.runsAs()
	m.grant, m.grantErr = m.lookUp()
}

// found reports if the mailbox can be looked at.
func (m *mailbox) found() bool { return m.home != "" && m.err == nil }

// usualHome is the folder that package locate finds for a login, or "" if it finds none.
func (s *site) usualHome(login string, domain *qmail.Domain) string {
	reader, path := ids{known: true}, "/" // reads only files of root
	if domain != nil {
		reader, path = userOf(*domain), domain.Dir
	}
	place, err := readAs(reader, path, func() (locate.Place, error) { return locate.Find(s.home, login) })
	if err != nil {
		return ""
	}
	return place.Home
}

// findAccount looks the login up in the file of passwords.
func (m *mailbox) findAccount() {
	if m.file = m.site.passwordFile(m.domain); m.file == "" {
		return
	}
	e, found, err := m.site.account(m.file, m.login, m.domain)
	m.fileError = err
	if found {
		m.account = &e
		m.home = filepath.Clean(e.Dir)
	}
}

// byCheckpw reports if vodmr-checkpw checks the login's password.
func (m *mailbox) byCheckpw() bool { return m.file == m.site.service.checkpwFile() }

// runsAs is the user that vodmr-relay runs as for a mailbox: that of the service's
// programs. If they are root, it is the one in vodmr-checkpw's file; with another
// checkpassword program the domain's; and without a domain HOME's owner.
func (m *mailbox) runsAs() ids {
	w := m.site.service.runsAs()
	switch {
	case w.known && w.uid != 0:
		return w
	case !w.known:
		return m.owner
	case m.byCheckpw() && m.account != nil && m.account.UID != 0:
		return ids{true, uint32(m.account.UID), uint32(m.account.GID)}
	case !m.byCheckpw() && m.domain != nil && m.domain.UID != 0:
		return userOf(*m.domain)
	}
	return m.owner
}

// userOf is the user that qmail delivers a domain's mail as.
func userOf(domain qmail.Domain) ids { return ids{true, domain.UID, domain.GID} }

// passwordFile is the file that has a login's password, "" if that cannot be known.
func (s *site) passwordFile(domain *qmail.Domain) string {
	if file := s.service.checkpwFile(); file != "" {
		return file
	}
	if domain != nil {
		return filepath.Join(domain.Dir, "vpasswd")
	}
	return ""
}

// passwordReader is the user that reads a file of passwords: for vpopmail's file the
// domain's user, who writes it, and otherwise the user of the service.
func (s *site) passwordReader(domain *qmail.Domain) ids {
	if s.service.checkpwFile() == "" && domain != nil {
		return userOf(*domain)
	}
	return s.service.runsAs()
}

// passwordFiles are the files that the checkpassword program must read for the logins, each
// with the domain's user if it is vpopmail's.
func (s *site) passwordFiles() map[string]ids {
	if file := s.service.checkpwFile(); file != "" {
		return map[string]ids{file: {}}
	}
	files := map[string]ids{}
	for _, m := range s.mailboxes {
		if m.domain != nil && s.service.isVchkpw() {
			files[m.file] = userOf(*m.domain)
		}
	}
	return files
}

// account finds a login in a file of passwords.
func (s *site) account(file, login string, domain *qmail.Domain) (vpasswd.Entry, bool, error) {
	text, err := readText(s.passwordReader(domain), file)
	if err != nil {
		return vpasswd.Entry{}, false, err
	}
	entries, _ := vpasswd.Parse(string(text))
	local, _ := qmail.SplitLogin(address.Lower(login))
	if file == s.service.checkpwFile() {
		local = login
	}
	e, found := vpasswd.Find(entries, local)
	return e, found, nil
}

// lookUp asks for the login's mail as vodmr-relay would, with the rights that it has.
func (m *mailbox) lookUp() (grant.Lookup, error) {
	env := m.site.environ(m.site.agentSetting())
	return readAs(m.user, m.home, func() (grant.Lookup, error) {
		return grant.LookUp(m.site.grantSite(), m.login, m.home, m.site.maildir(), env)
	})
}

func (s *site) grantSite() grant.Site { return grant.Site{Qmail: s.home, Rules: s.Rules} }

// environ is the service's environment, with the agent that fills the Maildirs.
func (s *site) environ(agent string) func(name string) string {
	return func(name string) string {
		if name == "VODMR_MTA" {
			return agent
		}
		return s.service.env[name]
	}
}

// settings are the variables that vodmr-relay asks for, the one of rules, and the one of
// vodmr-sendmail.
func settings() []string {
	names := []string{"VODMR_DOMAINS", "VODMR_SENDMAIL"}
	_, _ = grant.ReadSettings(func(name string) string {
		names = append(names, name)
		return ""
	})
	return names
}

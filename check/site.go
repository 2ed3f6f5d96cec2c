package check

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"

	"vodmr/qmail"
)

// usualPort is RFC 2645's (section 4).
const usualPort = 366

// usualDirs are the folders in which a service directory may be found. Those that a
// supervisor looks at come first: a folder that no supervisor runs tells nothing about the
// service.
func usualDirs() []string {
	return []string{"/service/vodmr", "/etc/service/vodmr", "/var/service/vodmr", "/etc/vodmr"}
}

// A site is all that the checks know about a site. They only read it.
type site struct {
	Config
	system
	service   service
	home      qmail.Home
	host      string // the name that vodmr is given; "" if it is not known
	users     *qmail.Users
	usersErr  error
	rules     *qmail.Rules // nil if none are named
	rulesErr  error
	mailboxes []*mailbox // one for each login
}

// gather gathers the facts about a site, which must be closed.
func gather(c Config, sys system) (*site, error) {
	s := &site{Config: c, system: sys}
	if err := s.findService(); err != nil {
		return nil, err
	}
	if s.Qmail != "" && !isDir(s.Qmail) {
		return nil, fmt.Errorf("%w: %s is no directory", ErrCannotLook, s.Qmail)
	}
	relay := s.service.relay
	s.Qmail = cmp.Or(s.Qmail, relay.qmail, qmail.StandardHome())
	s.home = qmail.OpenHome(s.Qmail)
	s.host = s.service.vodmr.host
	if s.Rules == "" && relay.rules != "" {
		s.Rules = s.service.path(relay.rules)
	}
	s.Port = cmp.Or(s.Port, s.service.tcp.port, usualPort)
	if s.Rules != "" {
		s.rules, s.rulesErr = openAs(ids{}, s.Rules, qmail.OpenRules)
	}
	s.users, s.usersErr = readAs(ids{}, s.home.Path("users/cdb"), s.home.Users)
	s.findMailboxes()
	return s, nil
}

func (s *site) close() {
	if s.rules != nil {
		_ = s.rules.Close()
	}
	if s.users != nil {
		_ = s.users.Close()
	}
}

// findService reads the service directory, if there is one.
func (s *site) findService() error {
	if s.Dir == "" {
		s.Dir = s.usualDir()
	} else if !isDir(s.Dir) {
		return fmt.Errorf("%w: %s is no directory", ErrCannotLook, s.Dir)
	}
	if s.Dir == "" {
		return nil
	}
	dir, err := filepath.Abs(s.Dir)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCannotLook, err)
	}
	s.Dir = dir
	s.service = readService(dir, s.user)
	return nil
}

// usualDir is the service directory if none is named, or "". A supervisor's link is
// followed to the folder that an admin works in.
func (s *site) usualDir() string {
	for _, dir := range s.dirs {
		if real, err := filepath.EvalSymlinks(dir); err == nil && isDir(real) {
			return real
		}
	}
	return ""
}

// readers are the users that vodmr-relay runs as for the logins.
func (s *site) readers() (readers []ids) {
	for _, m := range s.mailboxes {
		if m.found() && !slices.Contains(readers, m.user) {
			readers = append(readers, m.user)
		}
	}
	return readers
}

// hasQmail reports if qmail's home is there, and qmail fills a Maildir.
func (s *site) hasQmail() bool { return isDir(s.Qmail) && s.fills("qmail") }

// maildir is the Maildir that vodmr-relay is given. If it is relative, it lies below the
// mailbox's folder.
func (s *site) maildir() string { return cmp.Or(s.service.relay.maildir, "Maildir") }

// control reads control files.
func control[T any](s *site, read func() (T, error)) (T, error) {
	return readAs(ids{}, s.home.Path("control"), read)
}

// line is the first line of a control file.
func (s *site) line(name string) (line string, found bool, err error) {
	line, err = control(s, func() (line string, err error) {
		line, found, err = s.home.Line(name)
		return line, err
	})
	return line, found, err
}

// controls are the settings that vodmr-relay takes from control files.
func (s *site) controls() (qmail.Settings, error) {
	return control(s, func() (qmail.Settings, error) { return s.home.Settings(s.host) })
}

// list reads a control file that is a list.
func (s *site) list(name string) ([]string, error) {
	return control(s, func() ([]string, error) { return s.home.List(name) })
}

// locals are the domains in control/locals: their mail is for users of this host.
func (s *site) locals() ([]string, error) {
	return control(s, func() ([]string, error) {
		me, _, _ := s.home.Line("me")
		return s.home.Locals(me)
	})
}

// prefix is the text that control/virtualdomains puts before a domain's addresses.
func (s *site) prefix(domain string) (prefix string, found bool, err error) {
	virtual, err := control(s, func() (*qmail.VirtualDomains, error) { return s.home.VirtualDomains() })
	if err == nil {
		prefix, found = virtual.Prefix(domain)
	}
	return prefix, found, err
}

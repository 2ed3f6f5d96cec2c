package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"vodmr/test/kit/customer"
	"vodmr/test/kit/loopback"
)

// A site is a provider in the folder of a trial, with mail for one customer, and the
// account of that mail.
type site struct {
	*trial
	home, qmail string
	chain       chain
	mode        mode
	env         []string               // further variables for the chain
	patience    time.Duration          // how long a session may last
	adjust      func(*customer.Server) // changes the customer's server; may be nil
	pid         int                    // of the first program of the last session
	slowDisk    bool                   // its home is on the slow file system

	mu         sync.Mutex
	messages   []*message
	unexpected []string // messages that arrived but were never sent
	unknown    int      // bounces of which vodmr-relay does not know if they were queued, so that they go again
}

// window is the site's VODMR_WINDOW. Because it is known, so is the number of
// messages that may be sent again.
const window = 4

// newSite makes a site with waiting mail. If it fails, the trial is broken.
func newSite(t *trial, c chain, m mode, list []*message) *site {
	return newSiteAt(t, c, m, list, filepath.Join(t.dir, "home"))
}

// newSiteAt does the same with a home of its own choice.
func newSiteAt(t *trial, c chain, m mode, list []*message, home string) *site {
	s := &site{trial: t, chain: c, mode: m, messages: list, patience: sessionMax}
	s.home, s.qmail = home, filepath.Join(t.dir, "qmail")
	if err := s.make(); err != nil {
		t.broken = err
	}
	return s
}

func (s *site) make() error {
	for _, dir := range []string{s.qmail + "/control", s.qmail + "/bin", s.qmail + "/queue",
		s.home + "/Maildir/new", s.home + "/Maildir/cur", s.home + "/Maildir/tmp"} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if err := s.control("me", host); err != nil {
		return err
	}
	if err := os.Symlink(s.program("qmail-queue"), s.queueProgram()); err != nil {
		return err
	}
	account := fmt.Sprintf("%s:*:%d:%d:odmr:%s:NOQUOTA:%s\n", login, os.Getuid(), os.Getgid(), s.home, password)
	if err := os.WriteFile(s.passwords(), []byte(account), 0o600); err != nil {
		return err
	}
	certificate, err := loopback.Certify(host)
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.certificate(), certificate.Secret, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(s.secret(), []byte(password+"\n"), 0o600); err != nil {
		return err
	}
	return s.deliver()
}

// deliver puts the mail into new/, oldest first.
func (s *site) deliver() error {
	arrived := time.Now().Unix() - int64(len(s.messages)) - 10
	for i, m := range s.messages {
		m.file = fmt.Sprintf("%d.%d.provider", arrived+int64(i-m.age), i)
		path := filepath.Join(s.home, "Maildir/new", m.file)
		if err := os.WriteFile(path, []byte(m.stored()), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// control writes one of qmail's control files.
func (s *site) control(name, line string) error {
	return os.WriteFile(filepath.Join(s.qmail, "control", name), []byte(line+"\n"), 0o600)
}

func (s *site) program(name string) string { return filepath.Join(s.bin, name) }
func (s *site) queueProgram() string       { return filepath.Join(s.qmail, "bin/qmail-queue") }
func (s *site) passwords() string          { return filepath.Join(s.dir, "vpasswd") }
func (s *site) certificate() string        { return filepath.Join(s.dir, "servercert.pem") }
func (s *site) secret() string             { return filepath.Join(s.dir, "password") }
func (s *site) maildir() string            { return filepath.Join(s.home, "Maildir") }
func (s *site) inbox() string              { return filepath.Join(s.home, "inbox") }

// waiting returns the messages in the Maildir, by their file names.
func (s *site) waiting() (map[string]bool, error) {
	there := make(map[string]bool)
	for _, sub := range []string{"new", "cur", "cur"} { // one look may miss a file that is renamed
		entries, err := os.ReadDir(filepath.Join(s.home, "Maildir", sub))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			base, _, _ := strings.Cut(e.Name(), ":2,")
			there[base] = true
		}
	}
	return there, nil
}

// take records that the customer has accepted a message.
func (s *site) take(from string, to []string, content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rcpt := range to {
		if m := s.search(from, rcpt, string(content)); m != nil {
			m.taken++
		} else {
			s.unexpected = append(s.unexpected, fmt.Sprintf("the customer got what nobody sent: from %s to %s, %d bytes, %.80q", from, rcpt, len(content), content))
		}
	}
}

func (s *site) search(from, to, content string) *message {
	for _, m := range s.messages {
		if m.from == from && m.to == to && m.sent() == content {
			return m
		}
	}
	return nil
}

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vodmr/test/kit/cdbmake"
)

// A site is a provider in a temporary folder: a qmail home with its control
// files and users/cdb, and a vpopmail domain with a .qmail-default that leads to the
// account odmr, which fetches by ATRN.
type site struct {
	dir       string // all is below it
	host      string // the provider's name
	domain    string
	domains   string // vpopmail's domains folder
	qmailHome string
	home      string // odmr's folder; its Maildir is below it
	login     string
	password  string
	passfile  string // the customer's, for atrn
	owner     account
	delivered []*message
	// front and relay run vodmr and vodmr-relay; their paths and arguments
	// follow; nil for directly.
	front, relay []string
	vodmrFlags   []string // vodmr's
	checkpw      []string // the checkpassword program and its arguments
	settings     []string // variables for the chain
	trust        []string // what atrn is told of TLS
	ssl          string   // what fetchmail is told of it
}

func newSite(t testing.TB) *site { return newSiteOf(t, "example.org") }

// newSiteOf makes a site of another domain.
func newSiteOf(t testing.TB, domain string) *site {
	t.Helper()
	dir := publicDir(t)
	s := &site{
		dir:       dir,
		host:      "mail.provider.test",
		domain:    domain,
		domains:   filepath.Join(dir, "domains"),
		qmailHome: filepath.Join(dir, "qmail"),
		login:     "odmr@" + domain,
		password:  "tanstaaf tanstaaf",
		passfile:  filepath.Join(dir, "password"),
		owner:     mailUser(),
		checkpw:   []string{program(t, "vchkpw")},
		trust:     []string{"-T", "none"},
	}
	s.home = filepath.Join(s.domains, s.domain, "odmr")
	s.makeQmail(t)
	s.makeDomain(t)
	if err := os.WriteFile(s.passfile, []byte(s.password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// makeQmail makes the qmail home: as much of it as vodmr reads, and a
// qmail-queue that keeps what it takes.
func (s *site) makeQmail(t testing.TB) {
	t.Helper()
	root := account{os.Geteuid(), os.Getegid()}
	for _, sub := range []string{"control", "users", "bin"} {
		root.mkdir(t, filepath.Join(s.qmailHome, sub), 0o755)
	}
	s.owner.mkdir(t, filepath.Join(s.qmailHome, "queue"), 0o700)
	s.control(t, "me", s.host)
	s.control(t, "virtualdomains", s.domain+":"+s.domain)
	assign := fmt.Sprintf("+%s-:%s:%d:%d:%s:-::", s.domain, s.domain, s.owner.uid, s.owner.gid, filepath.Dir(s.home))
	root.write(t, filepath.Join(s.qmailHome, "users/cdb"), string(cdbmake.Assign(assign)), 0o644)
	err := os.Symlink(program(t, "qmail-queue"), filepath.Join(s.qmailHome, "bin/qmail-queue"))
	if err != nil {
		t.Fatal(err)
	}
}

// control writes a file below the qmail home's control.
func (s *site) control(t testing.TB, name, line string) {
	t.Helper()
	path := filepath.Join(s.qmailHome, "control", name)
	if err := os.WriteFile(path, []byte(line+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// makeDomain makes what vadddomain -e would: the catch-all account odmr.
func (s *site) makeDomain(t testing.TB) {
	t.Helper()
	folder := filepath.Dir(s.home)
	s.owner.mkdir(t, folder, 0o700)
	s.owner.mkdir(t, s.home, 0o700)
	s.owner.maildir(t, s.maildir())
	s.owner.write(t, filepath.Join(folder, ".qmail-default"),
		"| /home/vpopmail/bin/vdelivermail '' "+s.home+"\n", 0o600)
	account := []string{"odmr", "*", "1", "0", "odmr", s.home, "NOQUOTA", s.password}
	s.owner.write(t, filepath.Join(folder, "vpasswd"), strings.Join(account, ":")+"\n", 0o600)
}

func (s *site) maildir() string { return filepath.Join(s.home, "Maildir") }

// waiting lists the messages that wait in the provider's Maildir.
func (s *site) waiting(t testing.TB) []string {
	t.Helper()
	return append(names(t, s.maildir()+"/new"), names(t, s.maildir()+"/cur")...)
}

// A queued message is one that qmail-queue took.
type queued struct{ envelope, message string }

// bounces gives what qmail-queue took.
func (s *site) bounces(t testing.TB) []queued {
	t.Helper()
	var list []queued
	for _, name := range names(t, s.qmailHome+"/queue") {
		if base, ok := strings.CutSuffix(name, ".envelope"); ok {
			path := filepath.Join(s.qmailHome, "queue", base)
			list = append(list, queued{readFile(t, path+".envelope"), readFile(t, path+".message")})
		}
	}
	return list
}

// chain is the provider's chain of programs behind tcpserver.
func (s *site) chain(t testing.TB) []string {
	t.Helper()
	return slices.Concat(s.front, []string{program(t, "vodmr")}, s.vodmrFlags, []string{s.host}, s.checkpw,
		s.relay, []string{program(t, "vodmr-relay"), "-q", s.qmailHome, "Maildir"})
}

// environ is the chain's environment, which has nothing of the test's own.
func (s *site) environ() []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "VCHKPW_DOMAINS=" + s.domains}, s.settings...)
}

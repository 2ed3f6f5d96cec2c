package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/test/kit/testsite"
)

// A site is a provider in a temporary folder, with mail that nobody but its
// owner may get:
//
//	odmr@example.org      the customer, also known as alias.example: OWN-1, OWN-2
//	                      and OWN-3; password tanstaaf
//	plain@example.org     a POP account that holds no domain: PLAIN-1
//	odmr@stranger.test    another customer: STRANGER-1; password other-secret
type site struct {
	dir      string
	uid, gid int               // the user that runs the chain and owns the mail
	mail     map[string]string // content by path below dir
}

func newSite(t *testing.T, timeout string) *site {
	t.Helper()
	s := &site{dir: testsite.PublicDir(t), uid: os.Getuid(), gid: os.Getgid(), mail: map[string]string{}}
	if s.uid == 0 {
		// vodmr-relay refuses to run as root: use another user.
		s.uid, s.gid = 4711, 4711
	}
	s.write(t, "qmail/control/me", "mail.provider.test\n")
	s.write(t, "qmail/control/virtualdomains", "example.org:example.org\nalias.example:example.org\nstranger.test:stranger.test\n")
	s.write(t, "qmail/control/timeoutremote", timeout+"\n")
	var assign []string
	for domain, folder := range map[string]string{
		"example.org": "example.org", "alias.example": "example.org", "stranger.test": "stranger.test",
	} {
		assign = append(assign, testsite.Line(domain, folder, s.uid, s.path("domains/"+folder)))
	}
	testsite.Users(t, s.path("qmail"), assign...)
	s.domain(t, "example.org", "odmr:tanstaaf", "plain:pop-secret")
	s.domain(t, "stranger.test", "odmr:other-secret")
	s.deliver(t, "example.org/odmr", "anna@example.org", "OWN-1", "OWN-2", "OWN-3")
	s.deliver(t, "example.org/plain", "plain@example.org", "PLAIN-1")
	s.deliver(t, "stranger.test/odmr", "bert@stranger.test", "STRANGER-1")
	testsite.Queue(t, s.path("qmail"), program("qmail-queue"))
	s.mkdir(t, "qmail/queue")
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// mkdir makes a folder of the site's user, and those above it.
func (s *site) mkdir(t *testing.T, name string) {
	t.Helper()
	if err := os.MkdirAll(s.path(name), 0o755); err != nil {
		t.Fatal(err)
	}
	for ; name != "."; name = filepath.Dir(name) {
		if err := os.Chown(s.path(name), s.uid, s.gid); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *site) write(t *testing.T, name, text string) {
	t.Helper()
	s.mkdir(t, filepath.Dir(name))
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(s.path(name), s.uid, s.gid); err != nil {
		t.Fatal(err)
	}
}

// domain makes a vpopmail domain. Its first account, given as name:password, is its
// catch-all. The same accounts are in the file accounts, for vodmr-checkpw.
func (s *site) domain(t *testing.T, domain string, accounts ...string) {
	t.Helper()
	folder := "domains/" + domain
	var vpasswd, checkpw string
	for _, account := range accounts {
		name, password, _ := strings.Cut(account, ":")
		rest := fmt.Sprintf("::%d:%d:x:%s:NOQUOTA:%s\n", s.uid, s.gid, s.path(folder+"/"+name), password)
		vpasswd += name + rest
		checkpw += name + "@" + domain + rest
		for _, sub := range []string{"tmp", "new", "cur"} {
			s.mkdir(t, folder+"/"+name+"/Maildir/"+sub)
		}
	}
	first, _, _ := strings.Cut(accounts[0], ":")
	s.write(t, folder+"/vpasswd", vpasswd)
	s.write(t, folder+"/.qmail-default", "| /home/vpopmail/bin/vdelivermail '' "+s.path(folder+"/"+first)+"\n")
	before, _ := os.ReadFile(s.path("accounts"))
	s.write(t, "accounts", string(before)+checkpw)
}

// deliver puts one message per marker into an account's Maildir.
func (s *site) deliver(t *testing.T, account, recipient string, markers ...string) {
	t.Helper()
	for i, marker := range markers {
		name := fmt.Sprintf("domains/%s/Maildir/new/17953390%02d.28150.vm", account, 80+i)
		text := "Return-Path: <sender@s.test>\nDelivered-To: " + recipient + "\n" +
			"Received: (qmail 28146 invoked by uid 89); 22 Nov 2026 10:00:00 -0000\n" +
			"Subject: " + marker + "\n\n" + marker + " in the body\n"
		s.write(t, name, text)
		s.mail[name] = text
	}
}

// waiting returns all mail in the Maildirs, in the same form as the field mail.
func (s *site) waiting(t *testing.T) map[string]string {
	t.Helper()
	mail := map[string]string{}
	for _, sub := range []string{"new", "cur"} {
		paths, err := filepath.Glob(s.path("domains/*/*/Maildir/" + sub + "/*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			mail[strings.TrimPrefix(path, s.dir+"/")] = string(text)
		}
	}
	return mail
}

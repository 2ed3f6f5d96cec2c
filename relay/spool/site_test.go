package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vodmr/internal/logline"
	"vodmr/maildir"
	"vodmr/qmail"
	"vodmr/relay/grant"
	"vodmr/test/kit/cdbmake"
	"vodmr/test/kit/require"
)

// now is when the tests run.
var now = time.Unix(1795340000, 0)

// A site is one provider with one Maildir, for example.org, in a temporary folder.
type site struct {
	root    string
	maildir string
	env     map[string]string
	log     *os.File
}

func newSite(t testing.TB) *site {
	s := &site{root: t.TempDir(), env: map[string]string{}}
	s.maildir = filepath.Join(s.root, "domain/odmr/Maildir")
	for _, dir := range []string{"new", "cur", "tmp"} {
		require.OK(t, os.MkdirAll(filepath.Join(s.maildir, dir), 0o755))
	}
	s.write(t, "qmail/control/me", "mail.provider.test\n")
	s.write(t, "qmail/control/virtualdomains", "example.org:example.org\n")
	s.write(t, "domain/.qmail-default", "| /home/vpopmail/bin/vdelivermail '' "+s.root+"/domain/odmr\n")
	s.write(t, "qmail/users/cdb", string(cdbmake.Assign("+example.org-:example.org:89:89:"+s.root+"/domain:-::\n.\n")))
	var err error
	s.log, err = os.Create(filepath.Join(s.root, "log"))
	require.OK(t, err)
	t.Cleanup(func() { s.log.Close() })
	return s
}

func (s *site) write(t testing.TB, name, text string) {
	t.Helper()
	path := filepath.Join(s.root, name)
	require.OK(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.OK(t, os.WriteFile(path, []byte(text), 0o600))
}

// put puts a message for r<i>@example.org into the Maildir, the larger i the younger.
func (s *site) put(t testing.TB, i int, subject string) {
	t.Helper()
	text := fmt.Sprintf("Return-Path: <ann@sender.test>\nDelivered-To: r%d@example.org\n"+
		"Received: (qmail 1 invoked by network); 22 Nov 2026 08:37:25 -0000\nSubject: %s\n\nhello\n", i, subject)
	s.write(t, "domain/odmr/Maildir/new/"+name(i), text)
}

func name(i int) string { return fmt.Sprintf("%d.%d.vm", 1795336000+i, i) }

// waiting are the base names of the messages that are left.
func (s *site) waiting(t testing.TB) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, dir := range []string{"new", "cur"} {
		entries, err := os.ReadDir(filepath.Join(s.maildir, dir))
		require.OK(t, err)
		for _, e := range entries {
			base, _, _ := strings.Cut(e.Name(), ":")
			names[base] = true
		}
	}
	return names
}

// open opens the spool as a session does, and lists what waits.
func (s *site) open(t testing.TB, clock func() time.Time) (*Spool, func()) {
	t.Helper()
	g, err := grant.For(grant.Site{Qmail: qmail.OpenHome(s.root + "/qmail")}, "odmr@example.org", s.root+"/domain/odmr", "Maildir",
		func(name string) string { return s.env[name] })
	require.OK(t, err)
	box, err := maildir.Open(s.root+"/domain/odmr", "Maildir")
	require.OK(t, err)
	home := qmail.OpenHome(s.root + "/qmail")
	control, err := home.Settings("mail.provider.test")
	require.OK(t, err)
	bouncer := NewBouncer(qmail.Queue{Home: s.root + "/qmail"}, home, control)
	sp := Open(box, g, bouncer, clock, logline.New(int(s.log.Fd()), "vodmr-relay", "1"))
	sp.Session = "1"
	require.OK(t, sp.Scan(time.Time{}))
	require.OK(t, sp.Unread())
	return sp, func() {
		sp.Close()
		box.Close()
		g.Close()
	}
}

// begun is open, for a session with an answered ATRN.
func (s *site) begun(t testing.TB) *Spool {
	t.Helper()
	sp, end := s.open(t, func() time.Time { return now })
	t.Cleanup(end)
	_, err := sp.MayWait(time.Now().Add(time.Minute))
	require.OK(t, err)
	return sp
}

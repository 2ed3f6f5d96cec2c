package check

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/require"
)

// While a mailbox's owner swaps a file for a link to a file that only root can read, over
// and over, the checks run as root and print no line of it.
func TestSwappedLinksShowNothing(t *testing.T) {
	require.Root(t, "to read what the mailbox's owner cannot")
	const lines = "17 " + other + "\n" + other + "@example.net\n|" + other + "\nodmr:x:1:0::/" + other + ":NOQUOTA:\nodmr:" + other + "\n"
	for _, name := range []string{
		domain + ".qmail-default", domain + "odmr/.qmail", domain + "odmr/Maildir/maildirsize",
		domain + "vpasswd", "mine/env/VODMR_WINDOW",
	} {
		t.Run(name, func(t *testing.T) {
			s := good(t)
			s.write("secret", lines, 0o600)
			s.ownService()
			s.link(name)
			stop, stopped := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(stopped)
				s.swap(name, stop)
			}()
			for range 100 {
				if s.lookAtFiles(); strings.Contains(strings.ToLower(s.out.String()), strings.ToLower(other)) {
					t.Errorf("a line of the secret file:\n%s", s.out.String())
					break
				}
			}
			close(stop)
			<-stopped
		})
	}
}

// ownService makes a second service directory, which its user can write.
func (s *testSite) ownService() {
	s.owned("mine", "", 0o755)
	s.owned("mine/env", "", 0o755)
	s.owned("mine/env/VODMR_WINDOW", "20\n", 0o644)
	s.owned("mine/run", "#!/bin/sh\n", 0o755)
}

// link makes the link beside the file, which is made too if it is missing.
func (s *testSite) link(name string) {
	if _, err := os.Lstat(s.path(name)); err != nil {
		s.owned(name, "./Maildir/\n", 0o644)
	}
	s.must(os.Symlink(s.path("secret"), s.path(name+".other")))
	s.must(os.Lchown(s.path(name+".other"), s.owner, s.owner))
}

// swap puts a file of the owner's and a link to the secret in a name's place, in turn,
// until it is stopped.
func (s *testSite) swap(name string, stop chan struct{}) {
	path := s.path(name)
	for {
		select {
		case <-stop:
			return
		default:
			_ = unix.Renameat2(unix.AT_FDCWD, path, unix.AT_FDCWD, path+".other", unix.RENAME_EXCHANGE)
		}
	}
}

// lookAtFiles runs the checks of logins, since the port would take long.
func (s *testSite) lookAtFiles() {
	s.out.Reset()
	r := &report{out: &s.out}
	s.system.look = time.Second
	facts, err := gather(s.config, s.system)
	s.must(err)
	defer facts.close()
	checkLogins(facts, r)
	mine := readService(s.path("mine"), s.user)
	checkSettings(r, "mine/env", mine.env)
}

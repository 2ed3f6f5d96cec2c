package check

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/require"
)

// probing makes a front that gets a probe, and nothing else.
func probing(change func(f *frontServer)) func(s *testSite) {
	return func(s *testSite) {
		f := s.by("postfix")
		s.config.Logins, s.config.Probe = nil, login
		if change != nil {
			f.mu.Lock()
			defer f.mu.Unlock()
			change(f)
		}
	}
}

func probeSetups() []setup {
	maildir := box
	return []setup{
		{"a probe that comes", probing(nil), nil},
		{"a probe for nobody", probing(func(f *frontServer) { f.site.config.Probe = "eve@example.org" }),
			[]string{"wrong eve@example.org: cannot get a probe"}},
		{"a probe for root", probing(func(f *frontServer) {
			if os.Geteuid() == 0 {
				f.site.must(os.Chown(f.site.path(domain+"odmr"), 0, 0))
			}
		}), []string{forRoot + "wrong " + home + ": belongs to root"}},
		{"a probe to another domain", probing(func(f *frontServer) { f.site.config.To = "bob@example.net" }),
			[]string{"wrong bob@example.net: is not an address of this login"}},
		{"a probe that would go elsewhere", probing(func(f *frontServer) { f.conf["virtual_mailbox_domains"] = "" }),
			[]string{"wrong example.org: is not a domain that the mail server takes mail for"}},
		{"a probe that is refused", probing(func(f *frontServer) { f.refuse = regexp.MustCompile(".") }),
			[]string{"wrong the probe to RANDOM@example.org: is refused by the mail server"}},
		{"no mail server and no sendmail", probing(func(f *frontServer) {
			f.site.system.smtp = 1
			f.site.must(os.Remove(f.site.path("sendmail")))
		}), []string{"wrong the probe to RANDOM@example.org: cannot be sent"}},
		{"a probe that gets lost", probing(func(f *frontServer) {
			f.deliver = func(string) {}
			f.site.system.patience = 100 * time.Millisecond
		}), []string{"wrong the probe to RANDOM@example.org: did not come into the Maildir"}},
		{"a probe without an envelope", probing(func(f *frontServer) { f.head = "Received: x\n" }),
			[]string{"wrong the probe to RANDOM@example.org: came with an envelope that vodmr-relay cannot read"}},
		{"a probe to somebody else", probing(func(f *frontServer) {
			f.head = "Return-Path: <>\nDelivered-To: all@example.org\nReceived: x\n"
		}), []string{"wrong the probe to RANDOM@example.org: came with another sender or recipient"}},
		{"a probe from somebody else", probing(func(f *frontServer) {
			f.head = "Return-Path: <postmaster@example.org>\nDelivered-To: $TO\nReceived: x\n"
		}), []string{"wrong the probe to RANDOM@example.org: came with another sender or recipient"}},
		{"a session takes the probe away", probing(func(f *frontServer) {
			f.deliver = func(string) {}
			f.site.system.patience = 100 * time.Millisecond
			f.site.holdLock()
		}), []string{"doubtful the probe to RANDOM@example.org: was not seen, but a session is under way and may have sent it on"}},
		{"a probe that cannot be removed", probing(func(f *frontServer) {
			f.deliver = func(text string) {
				f.deliver = nil
				f.site.owned(domain+"odmr/Maildir/new/1999999999.M1P1.front", text, 0o600)
				f.site.must(os.Chmod(f.site.path(domain+"odmr/Maildir/new"), 0o500))
				f.site.t.Cleanup(func() { _ = os.Chmod(f.site.path(domain+"odmr/Maildir/new"), 0o700) })
			}
		}), []string{"doubtful " + maildir + "/new/FILE: came, and cannot be removed"}},
		{"no way to port 25 of others", func(s *testSite) {
			s.by("postfix")
			s.config.Logins, s.config.Out25 = nil, "127.0.0.1"
			s.system.smtp = 1
		}, []string{"wrong 127.0.0.1:25: cannot be reached by SMTP from here, so this host may not be able to send bounces"}},
	}
}

// holdLock locks the Maildir by another process, as a session does.
func (s *testSite) holdLock() {
	s.t.Helper()
	s.owned(domain+"odmr/Maildir/vodmr.lock", "-", 0o600)
	s.must(os.Truncate(s.path(domain+"odmr/Maildir/vodmr.lock"), 0))
	cmd := exec.Command(os.Args[0], "-test.run=^TestHoldLock$")
	cmd.Env = append(os.Environ(), "CHECK_TEST_LOCK="+s.path(domain+"odmr/Maildir/vodmr.lock"))
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		s.t.Fatal(err1, err2)
	}
	s.must(cmd.Start())
	s.t.Cleanup(func() { stdin.Close(); _ = cmd.Wait() })
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		s.t.Fatal(err)
	}
}

// TestHoldLock is no test, but the process that holds a lock for holdLock.
func TestHoldLock(t *testing.T) {
	path := os.Getenv("CHECK_TEST_LOCK")
	if path == "" {
		return
	}
	fd, err := unix.Open(path, unix.O_RDWR, 0)
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	if err == nil {
		err = unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &lock)
	}
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString("x")
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// The probe is gone from the Maildir, and from the count of its quota.
func TestProbeLeavesNothing(t *testing.T) {
	s := good(t)
	probing(nil)(s)
	s.owned(domain+"odmr/Maildir/maildirsize", "1000000S\n500 2\n", 0o600)
	if got := s.look(); len(got) > 0 {
		t.Fatalf("%q\n%s", got, s.out.String())
	}
	if !regexp.MustCompile(`(?m)^ok the probe to vodmr-check-probe-[a-z0-9]{8}@example\.org: came within [0-9.µm]+s from <> to <vodmr-check-probe-`).MatchString(s.out.String()) {
		t.Errorf("%s", s.out.String())
	}
	left, err := os.ReadDir(s.path(domain + "odmr/Maildir/new"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	size, _ := os.ReadFile(s.path(domain + "odmr/Maildir/maildirsize"))
	if !regexp.MustCompile(`^1000000S\n500 2\n-[0-9]+ -1\n$`).Match(size) {
		t.Errorf("maildirsize %q", size)
	}
}

// If there is no catch-all, postmaster gets the probe, and -a names another address.
func TestProbesRecipient(t *testing.T) {
	for to, want := range map[string]string{"": "postmaster@example.org", "bob smith@example.org": `"bob smith"@example.org`} {
		s := good(t)
		probing(func(f *frontServer) { f.refuse = regexp.MustCompile("check-probe") })(s)
		s.config.To = to
		if got := s.look(); len(got) > 0 || !strings.Contains(s.out.String(), "from <> to <"+want+">") {
			t.Errorf("%q: %q\n%s", to, got, s.out.String())
		}
	}
}

// If nobody listens, sendmail gets the probe.
func TestProbeBySendmail(t *testing.T) {
	require.Root(t, "the stand-in gives the file to the Maildir's owner")
	s := good(t)
	probing(func(f *frontServer) { f.site.system.smtp = 1 })(s)
	new := s.path(domain + "odmr/Maildir/new/")
	s.write("sendmail", "#!/bin/sh\n(printf 'Return-Path: <>\\nDelivered-To: %s\\nReceived: x\\n' $5; cat) >$ROOT/mail\nchown "+
		strconv.Itoa(s.owner)+" $ROOT/mail\nexec mv $ROOT/mail "+new+"\n", 0o755)
	if got := s.look(); len(got) > 0 || !strings.Contains(s.out.String(), "ok the probe to ") {
		t.Errorf("%q\n%s", got, s.out.String())
	}
}

func TestPortOutward(t *testing.T) {
	s := good(t)
	s.by("postfix")
	s.config.Logins, s.config.Out25 = nil, "127.0.0.1"
	if got := s.look(); len(got) > 0 || !strings.Contains(s.out.String(), "was reached, and says 220 mail.provider.test") {
		t.Errorf("%q\n%s", got, s.out.String())
	}
}

// The probe goes through qmail as through any mail server.
func TestProbeThroughQmail(t *testing.T) {
	s := good(t)
	s.config.Logins, s.config.Probe = nil, login
	s.front.greeting, s.front.head = "220 mail.provider.test ESMTP", "Return-Path: <>\nDelivered-To: $TO\nReceived: (qmail 1 invoked by uid 2)\n"
	s.system.smtp = s.front.listen()
	if got := s.look(); len(got) > 0 || !strings.Contains(s.out.String(), "ok the probe to vodmr-check-probe-") {
		t.Errorf("%q\n%s", got, s.out.String())
	}
}

package integration

import (
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// standing makes the site's sessions standing sessions.
func (s *site) standing(more ...string) *site {
	s.settings = append(append(s.settings, "VODMR_IDLE=86400"), more...)
	return s
}

// An ending is a customer's session that runs: its exit code and words.
type ending struct {
	code   int
	output string
}

// background runs a customer's session while the test goes on.
func background(session func() (int, string)) <-chan ending {
	done := make(chan ending, 1)
	go func() {
		code, output := session()
		done <- ending{code, output}
	}()
	return done
}

// terminate tells the session that holds the lock to end.
func (s *site) terminate(t testing.TB) {
	t.Helper()
	s.end(t, syscall.SIGTERM)
}

// end sends a signal to the session that holds the lock, by its process id.
func (s *site) end(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(s.holder(t), signal); err != nil {
		t.Fatal(err)
	}
}

// holder is the process that holds the lock.
func (s *site) holder(t testing.TB) int {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(s.maildir(), "vodmr.lock"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(file.Fd(), unix.F_GETLK, &lock); err != nil {
		t.Fatal(err)
	}
	if lock.Type == unix.F_UNLCK {
		t.Fatal("no session holds the lock")
	}
	return int(lock.Pid)
}

// endedWell fails unless a customer's session ended well.
func endedWell(t testing.TB, done <-chan ending) {
	t.Helper()
	if e := <-done; e.code != 0 {
		t.Errorf("the customer's program exits %d: %.4000s", e.code, e.output)
	}
}

// TestStanding: mail that is delivered at random moments goes out in the session
// that stands, each message once.
func TestStanding(t *testing.T) {
	t.Parallel()
	const messages = 200
	customers := map[string]struct {
		tls     bool
		session func(t testing.TB, s *site, p *provider, mx *postfix) (int, string)
	}{
		"fetchmail": {false, func(t testing.TB, s *site, p *provider, mx *postfix) (int, string) {
			return s.fetchmail(t, p, mx.port)
		}},
		"fetchmail over TLS": {true, func(t testing.TB, s *site, p *provider, mx *postfix) (int, string) {
			return s.fetchmail(t, p, mx.port)
		}},
		"atrn -s": {false, func(t testing.TB, s *site, p *provider, mx *postfix) (int, string) {
			return s.atrn(t, p, "-s", "127.0.0.1:"+mx.port)
		}},
	}
	for name, customer := range customers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t).standing("VODMR_NOOP=1")
			mx := startPostfix(t, s.domain)
			if customer.tls {
				certificate := s.certify(t, s.owner)
				s.front = []string{program(t, "vodmr-tls"), "-c", certificate.file}
				s.ssl = fmt.Sprintf("ssl sslcertck sslcertfile %q sslcommonname %q", certificate.public, s.host)
			}
			p := s.listen(t)
			done := background(func() (int, string) { return customer.session(t, s, p, mx) })
			seed := time.Now().UnixNano()
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewSource(seed))
			eventually(t, time.Minute, "the session stands", func() bool { return len(p.lines(t, " stand ")) == 1 })
			for range messages {
				s.deliver(t, "ann@sender.test", "at a random moment\n", "bob@"+s.domain)
				if random.Intn(3) == 0 {
					time.Sleep(time.Duration(random.Intn(60)) * time.Millisecond)
				}
			}
			eventually(t, time.Minute, "all is sent", func() bool { return len(s.waiting(t)) == 0 })
			s.terminate(t)
			endedWell(t, done)
			mx.settle(t)
			onceEach(t, s, mx.mailbox())
			// The customer's program may end before the provider's has said its last.
			eventually(t, time.Minute, "the log tells of a session with all messages", func() bool {
				return len(p.lines(t, " end messages=200 ")) == 1
			})
		})
	}
}

// TestPostfixCountsNoops: without INSTALL's recipe Postfix takes so many NOOPs without
// mail and then counts errors, which end in 421; the session ends in order.
func TestPostfixCountsNoops(t *testing.T) {
	t.Parallel()
	s := newSite(t).standing("VODMR_NOOP=1")
	mx := startPostfix(t, s.domain, "smtpd_junk_command_limit = 1", "smtpd_hard_error_limit = 1", "smtpd_error_sleep_time = 0")
	p := s.listen(t)
	_, output := s.atrn(t, p, "-s", "127.0.0.1:"+mx.openPort)
	eventually(t, time.Minute, "the session ends in order", func() bool {
		return len(p.lines(t, "tcpserver: end ", " status 0")) == 1
	})
	if ends := p.lines(t, " end ", `reason="the server is closing: 421 4.7.0 `, "too many errors"); len(ends) != 1 {
		t.Errorf("atrn says %s\nlast lines: %q", output, p.lines(t, " end "))
	}
}

// TestIdleNoopEndsASessionOfOnce: atrn without -i takes what waits and leaves at the first NOOP
// after some quiet, though the login may have a standing session. Both ends take that for a good end.
func TestIdleNoopEndsASessionOfOnce(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"-m", "-s"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t).standing("VODMR_NOOP=6")
			inbox := filepath.Join(t.TempDir(), "Maildir")
			args := []string{"-m", inbox}
			settle := func() {}
			if name == "-s" {
				mx := startPostfix(t, s.domain)
				args, inbox, settle = []string{"-s", "127.0.0.1:" + mx.port}, mx.mailbox(), func() { mx.settle(t) }
			}
			p := s.listen(t)
			for range 3 {
				s.deliver(t, "ann@sender.test", "once\n", "bob@"+s.domain)
			}
			done := background(func() (int, string) { return s.atrn(t, p, args...) })
			endedWell(t, done)
			eventually(t, time.Minute, "all has arrived", func() bool { return len(s.waiting(t)) == 0 })
			eventually(t, time.Minute, "the session ends in order", func() bool {
				return len(p.lines(t, " end messages=3 ", `reason="the server is closing: 421 4.3.2 nothing more waits`)) == 1 &&
					len(p.lines(t, "tcpserver: end ", " status 0")) == 1
			})
			if bad := append(p.lines(t, " error "), p.lines(t, " doubt ")...); len(bad) > 0 {
				t.Errorf("the provider logged trouble: %q", bad)
			}
			settle()
			onceEach(t, s, inbox)
		})
	}
}

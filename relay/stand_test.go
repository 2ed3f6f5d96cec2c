package relay

import (
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vodmr/smtp"
	"vodmr/test/kit/customer"
	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// stand runs one session that stands, until the server ends it or tell can be
// read.
func (s *site) stand(t testing.TB, server *customer.Server, tell *os.File) {
	t.Helper()
	conn, peer := socketPair(t)
	log, err := os.OpenFile(filepath.Join(s.root, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(t, err)
	defer log.Close()
	config := s.relayConfig(peer, log)
	config.Terminated = func() (int, error) { return int(tell.Fd()), nil }
	done := make(chan bool)
	go func() {
		_ = Serve(config)
		peer.Close()
		close(done)
	}()
	dialogue.New(t, conn).Run("S: 235 *\nC: ATRN\nS: 250 *")
	_, _ = server.Serve(conn)
	conn.Close()
	<-done
}

// trickle delivers n messages while sessions run, and waits until none is left.
func (s *site) trickle(t testing.TB, n int, random *rand.Rand) {
	for i := range n {
		name := fmt.Sprintf("%d.%d.vm", 1795336000+i, i)
		text := fmt.Sprintf("Return-Path: <ann@sender.test>\nDelivered-To: r%d@example.org\n"+
			"Received: (qmail 1 invoked by network); 22 Nov 2026 08:37:25 -0000\nSubject: copies %d\n\n%s\n",
			i, i/3, strings.Repeat(".x", 50<<(i/3%7)))
		s.deliver(t, name, text)
		if random.Intn(4) == 0 {
			time.Sleep(time.Duration(random.Intn(10)) * time.Millisecond)
		}
	}
	for s.waiting(t) > 0 {
		time.Sleep(10 * time.Millisecond)
	}
}

// TestStandingExactlyOnce: whatever habits the customer has, each message that lands
// while sessions stand, end and begin anew goes out once, or bounces once.
func TestStandingExactlyOnce(t *testing.T) {
	require.Time(t)
	const messages = 100
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	nth := func(n int, reply string) func(string) string {
		i := 0
		return func(string) string {
			if i++; i%n == 0 {
				return reply
			}
			return ""
		}
	}
	habits := map[string]func(*customer.Server){
		"plain":                   func(*customer.Server) {},
		"refuses each third":      func(s *customer.Server) { s.Rcpt = nth(3, "550 5.1.1 no") },
		"defers each third":       func(s *customer.Server) { s.Rcpt = nth(3, "451 4.3.0 later") },
		"defers each fifth MAIL":  func(s *customer.Server) { s.Mail = nth(5, "451 4.3.0 later") },
		"closes after each fifth": func(s *customer.Server) { s.CloseAfter = 5 },
		"MAILMAX 20":              func(s *customer.Server) { s.MailMax = 20; s.Offers = []string{"LIMITS MAILMAX=20"} },
		"452 after two":           func(s *customer.Server) { s.RcptMax, s.TooMany = 2, "452 4.5.3 too many" },
		"says 421 at rest":        func(s *customer.Server) { s.MailMax = 7 },
	}
	for mode := range modes() {
		for habit, set := range habits {
			t.Run(mode+", "+habit, func(t *testing.T) {
				s := newSite(t, standardSite(t))
				s.config["VODMR_IDLE"], s.config["VODMR_NOOP"] = "3600", "1"
				s.config["first-retry"], s.config["last-retry"] = "20ms", "50ms"
				server := modes()[mode]
				set(&server)
				got := account{taken: map[string]int{}}
				server.Take = func(_ string, to []string, _ []byte) {
					for _, r := range to {
						got.taken[r]++
					}
				}
				told, tell, err := os.Pipe()
				must(t, err)
				defer told.Close()
				var delivering sync.WaitGroup
				over := make(chan bool)
				delivering.Go(func() {
					s.trickle(t, messages, rand.New(rand.NewSource(seed)))
					close(over) // first: a session that begins behind the word ends at once
					_, _ = tell.Write([]byte{0})
				})
				for sessions := 0; !closed(over); sessions++ {
					if sessions > messages {
						t.Fatalf("%d messages still wait after %d sessions", s.waiting(t), sessions)
					}
					s.stand(t, &server, told)
				}
				delivering.Wait()
				s.account(t, &got)
				for i := range messages {
					to := fmt.Sprintf("r%d@example.org", i)
					if n := got.taken[to] + got.bounced[to]; n != 1 {
						t.Errorf("%s: taken %d times, bounced %d times", to, got.taken[to], got.bounced[to])
					}
				}
			})
		}
	}
}

func closed(c <-chan bool) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// TestSuspectWaits: what was set aside is offered in a session that stands once a wait
// is over, which doubles with each session that it breaks, up to a day. In any other
// session it does not wait.
func TestSuspectWaits(t *testing.T) {
	for _, test := range []struct {
		breaks int
		ago    time.Duration
		idle   string
		waits  bool
	}{
		{2, 5*time.Minute - time.Second, "3600", true},
		{2, 5 * time.Minute, "3600", false},
		{2, 0, "", false},
		{5, 40*time.Minute - time.Second, "3600", true},
		{5, 40 * time.Minute, "3600", false},
		{30, 24*time.Hour - time.Second, "3600", true},
		{30, 24 * time.Hour, "3600", false},
	} {
		s := newSite(t, standardSite(t))
		s.config["VODMR_IDLE"] = test.idle
		s.fill(t, 1)
		name := filepath.Base(strings.TrimSpace(s.left(t)))
		broke := now.Add(-test.ago).Unix()
		s.write(t, "maildir/vodmr.notes", fmt.Sprintf("%d broke %s %d\n%[1]d session -\n", broke, name, test.breaks))
		m := s.mailbox(t)
		must(t, m.session.grant.Settings.Apply(m.session.Environ))
		q, err := m.scan()
		must(t, err)
		for q.more() {
		}
		if waits := len(q.suspects) == 0; waits != test.waits || len(q.shelf) != 1 && waits {
			t.Errorf("%d breaks, the last %v ago: waits is %v, want %v", test.breaks, test.ago, waits, test.waits)
		}
		q.close()
		m.Close()
	}
}

// TestStandingForgets: what a session that stands remembers is bounded by what waits.
func TestStandingForgets(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.config["VODMR_IDLE"] = "3600"
	s.fill(t, 50)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	must(t, err)
	defer null.Close()
	q := openedQueue(t, s, s.relayConfig(null, null))
	for i := range 50 {
		q.shelve(fmt.Sprintf("%d.%d.vm", 1795336000+i, i), time.Hour)
		q.notes.Kept(fmt.Sprintf("%d.%d.vm", 1795336000+i, i), "451 later")
	}
	must(t, q.look())
	if len(q.shelf) != 50 || q.list.Len() != 0 || q.count.waiting != 50 {
		t.Errorf("%d on the shelf, %d listed, %d wait; want 50, 0, 50", len(q.shelf), q.list.Len(), q.count.waiting)
	}
	for i := range 49 {
		must(t, os.Remove(filepath.Join(s.maildir, "new", fmt.Sprintf("%d.%d.vm", 1795336000+i, i))))
	}
	must(t, q.look())
	if len(q.shelf) != 1 || q.count.waiting != 1 || q.notes.Of("1795336000.0.vm").Tries != 0 || q.notes.Of("1795336049.49.vm").Tries != 1 {
		t.Errorf("%d on the shelf, %d wait, notes %+v and %+v", len(q.shelf), q.count.waiting,
			q.notes.Of("1795336000.0.vm"), q.notes.Of("1795336049.49.vm"))
	}
	q.shelve("1795336049.49.vm", -time.Second)
	must(t, q.look())
	if q.list.Len() != 1 || q.count.waiting != 1 {
		t.Errorf("due again: %d listed, %d wait; want 1, 1", q.list.Len(), q.count.waiting)
	}
}

// TestStandingRecovers: what trouble took away comes back once it is over.
func TestStandingRecovers(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.config["VODMR_IDLE"] = "3600"
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	must(t, err)
	defer null.Close()
	q := openedQueue(t, s, s.relayConfig(null, null))
	q.sender.Extensions.RcptMax = 50
	q.rcptMax = 10 // as after 452
	q.noteTrouble(errors.New("no space"))
	must(t, q.look())
	if q.rcptMax != 50 || q.unnoted {
		t.Errorf("%d recipients a transaction, want 50; unnoted: %v", q.rcptMax, q.unnoted)
	}
}

// openedQueue is the queue of a session whose ATRN was answered.
func openedQueue(t testing.TB, s *site, config Config) *queue {
	t.Helper()
	session := &session{Config: config, start: time.Now()}
	t.Cleanup(session.close)
	if reply := session.prepare(""); reply.Code != 250 {
		t.Fatalf("ATRN: %s", reply)
	}
	session.newLine()
	session.queue.sender = smtp.NewSender(nil, smtp.StandardTimeouts(), session.grant.Settings.Window)
	return session.queue
}

// TestRetryWait: twice as long each time, up to a bound.
func TestRetryWait(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.config["VODMR_IDLE"] = "3600"
	s.fill(t, 1)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	must(t, err)
	defer null.Close()
	q := openedQueue(t, s, s.relayConfig(null, null))
	const base = "1795336000.0.vm"
	for i, want := range []time.Duration{5, 5, 10, 20, 40, 60, 60} {
		if got := q.retryWait(base); got != want*time.Minute {
			t.Errorf("after %d tries: %v, want %v", i, got, want*time.Minute)
		}
		q.notes.Kept(base, "451 later")
	}
}

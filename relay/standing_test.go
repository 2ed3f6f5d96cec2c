package relay

import (
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vodmr/test/kit/customer"
	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// standing runs one standing session, until the server ends it or tell can be
// read.
func (s *site) standing(t testing.TB, server *customer.Server, tell *os.File) {
	t.Helper()
	conn, peer := socketPair(t)
	log, err := os.OpenFile(filepath.Join(s.root, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.OK(t, err)
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
// while standing sessions begin, end and begin anew goes out once, or bounces once.
func TestStandingExactlyOnce(t *testing.T) {
	require.Time(t)
	t.Parallel()
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
				tellRead, tell, err := os.Pipe()
				require.OK(t, err)
				defer tellRead.Close()
				var delivering sync.WaitGroup
				delivered := make(chan bool)
				delivering.Go(func() {
					s.trickle(t, messages, rand.New(rand.NewSource(seed)))
					close(delivered) // first: a session that begins behind the word ends at once
					_, _ = tell.Write([]byte{0})
				})
				for sessions := 0; !closed(delivered); sessions++ {
					if sessions > messages {
						t.Fatalf("%d messages still wait after %d sessions", s.waiting(t), sessions)
					}
					s.standing(t, &server, tellRead)
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

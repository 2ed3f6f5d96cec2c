package relay

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"vodmr/smtp"
	"vodmr/test/kit/customer"
	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// An account is what became of each message of a site, by recipient.
type account struct {
	taken   map[string]int // how often the customer took it
	bounced map[string]int
}

// fill puts n messages into a Maildir, for r0@example.org to r<n-1>@example.org.
// Of each ten the first four are copies of one message.
func (s *site) fill(t testing.TB, n int) {
	for i := range n {
		subject, size := fmt.Sprintf("message %d", i), 50<<(i%7)
		if i%10 < 4 {
			subject, size = fmt.Sprintf("copies %d", i/10), 50<<(i/10%7)
		}
		s.put(t, i, subject, size)
	}
}

// fillCopies puts n copies of one message there, for r<first>@example.org and those
// that follow.
func (s *site) fillCopies(t testing.TB, first, n int) {
	for i := first; i < first+n; i++ {
		s.put(t, i, "for many", 500)
	}
}

// put puts the message for r<i>@example.org there.
func (s *site) put(t testing.TB, i int, subject string, size int) {
	text := fmt.Sprintf("Return-Path: <ann@sender.test>\nDelivered-To: r%d@example.org\n"+
		"Received: (qmail 1 invoked by network); 22 Nov 2026 08:37:25 -0000\nSubject: %s\n\n%s\n",
		i, subject, strings.Repeat(".x", size/2))
	s.write(t, fmt.Sprintf("new/%d.%d.vm", 1795336000+i, i), text)
}

// A tally counts what a customer's server heard.
type tally struct {
	sessions, mails, rcpts int // the latter two of the last session and transaction
	mostMails, mostRcpts   int
}

func (c *tally) heard(line string) {
	switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
	case "EHLO":
		c.sessions++
		c.mails = 0
	case "MAIL":
		c.mails++
		c.rcpts = 0
	case "RCPT":
		c.rcpts++
	}
	c.mostMails, c.mostRcpts = max(c.mostMails, c.mails), max(c.mostRcpts, c.rcpts)
}

// promises are what a habit brings beside each message's account.
var promises = map[string]func(tally, account) bool{
	"refuses each third": func(_ tally, a account) bool { return len(a.bounced) == (filled+copies)/3 },
	"452 after two":      func(c tally, a account) bool { return c.sessions == 1 && len(a.bounced) == 0 },
	"MAILMAX 20":         func(c tally, _ account) bool { return c.mostMails == 20 },
	"RCPTMAX 10":         func(c tally, a account) bool { return c.mostRcpts == 10 && len(a.bounced) == 0 },
	"one domain":         func(c tally, a account) bool { return c.mostRcpts == 3 && len(a.bounced) == 0 },
}

// TestExactlyOnce begins with these: some copies of one message are more than any
// server there takes in one transaction.
const filled, copies = 120, 25

// session runs one session against a server and says how it ended.
func (s *site) session(t testing.TB, server *customer.Server) error {
	t.Helper()
	return s.turn(t, func(conn net.Conn) error {
		_, err := server.Serve(conn)
		return err
	})
}

// turn runs one session, in which serve plays the customer's server.
func (s *site) turn(t testing.TB, serve func(net.Conn) error) error {
	t.Helper()
	conn, peer := socketPair(t)
	log, err := os.OpenFile(filepath.Join(s.root, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.OK(t, err)
	defer log.Close()
	done := make(chan error, 1)
	config := s.relayConfig(peer, log)
	go func() {
		err := Serve(config)
		peer.Close()
		done <- err
	}()
	c := dialogue.New(t, conn)
	c.Run("S: 235 *\nC: ATRN\nS: 250 *")
	serveErr := serve(conn)
	conn.Close()
	if serveErr != nil {
		t.Logf("the server ended with: %v", serveErr)
	}
	return <-done
}

func socketPair(t testing.TB) (net.Conn, *os.File) {
	conn, peer := dialogue.Pair(t)
	return conn.Net(), peer
}

// onSlowDisk has sessions read and remove as they do on a slow file system.
func (s *site) onSlowDisk(slow bool) {
	if slow {
		s.config["slow-call"] = "0s"
	}
}

// waiting is how many messages are left.
func (s *site) waiting(t testing.TB) int { return strings.Count(s.left(t), "\n") }

// modes are what a customer's server may offer.
func modes() map[string]customer.Server {
	return map[string]customer.Server{
		"nothing":             {},
		"CHUNKING":            {Chunking: true},
		"PIPELINING":          {Pipelining: true},
		"PIPELINING+CHUNKING": {Pipelining: true, Chunking: true},
	}
}

// TestExactlyOnce: customers with habits that show on the wire get every message exactly
// once, or it bounces once, in every mode. spool.TestSpoolMachine does the rest without a
// connection.
func TestExactlyOnce(t *testing.T) {
	require.Time(t)
	t.Parallel()
	const messages = filled + copies
	third := func() func(string) string {
		n := 0
		return func(string) string {
			if n++; n%3 == 0 {
				return "550 5.1.1 every third is unknown here"
			}
			return ""
		}
	}
	habits := map[string]func(*customer.Server){
		"plain":                   func(*customer.Server) {},
		"refuses each third":      func(s *customer.Server) { s.Rcpt = third() },
		"closes after each fifth": func(s *customer.Server) { s.CloseAfter = 5 },
		"MAILMAX 20":              func(s *customer.Server) { s.MailMax = 20; s.Offers = []string{"LIMITS MAILMAX=20"} },
		"452 after two":           func(s *customer.Server) { s.RcptMax, s.TooMany = 2, "452 4.5.3 too many" },
		"RCPTMAX 10": func(s *customer.Server) {
			s.Offers = []string{"LIMITS RCPTMAX=10"}
			s.RcptMax, s.TooMany = 10, "550 you knew"
		},
		"one domain": func(s *customer.Server) {
			s.Offers = []string{"LIMITS RCPTDOMAINMAX=1 RCPTMAX=3"}
			s.RcptMax = 3
			s.TooMany = "550 you knew"
		},
		"long replies":      func(s *customer.Server) { s.Padding = 1500 },
		"SIZE and 8BITMIME": func(s *customer.Server) { s.Offers = []string{"SIZE 100000", "8BITMIME"} },
	}
	for mode := range modes() {
		for habit, set := range habits {
			t.Run(mode+", "+habit, func(t *testing.T) {
				s := newSite(t, standardSite(t))
				s.onSlowDisk(mode != "nothing")
				s.fill(t, filled)
				s.fillCopies(t, filled, copies)
				server := modes()[mode]
				set(&server)
				heard := tally{}
				server.Heard = heard.heard
				got := account{taken: map[string]int{}}
				server.Take = func(_ string, to []string, _ []byte) {
					for _, r := range to {
						got.taken[r]++
					}
				}
				for sessions := 0; s.waiting(t) > 0; sessions++ {
					if sessions > messages {
						t.Fatalf("%d messages still wait after %d sessions", s.waiting(t), sessions)
					}
					_ = s.session(t, &server)
				}
				s.account(t, &got)
				for i := range messages {
					to := fmt.Sprintf("r%d@example.org", i)
					if n := got.taken[to] + got.bounced[to]; n != 1 {
						t.Errorf("%s: taken %d times, bounced %d times", to, got.taken[to], got.bounced[to])
					}
				}
				if kept := promises[habit]; kept != nil && !kept(heard, got) {
					t.Errorf("%+v, %d bounced of %d", heard, len(got.bounced), messages)
				}
			})
		}
	}
}

// account adds what qmail-queue got.
func (s *site) account(t testing.TB, a *account) {
	a.bounced = map[string]int{}
	_, text := s.queued(t)
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "<r") && strings.HasSuffix(line, "@example.org>:\n") {
			a.bounced[strings.Trim(line, "<>:\n")]++
		}
	}
}

// standardSite is the site of the dialogues, without messages.
func standardSite(t testing.TB) *txtar.Archive {
	archive, err := txtar.ParseFile("testdata/dialogues/atrn-nothing.txtar")
	require.OK(t, err)
	return archive
}

// TestDeferredTwice: two sessions more than a day apart defer a message that is
// older than queuelifetime; the first is remembered, and the second bounces it.
func TestDeferredTwice(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.fill(t, 1)
	server := &customer.Server{Rcpt: func(string) string { return "450 4.2.0 greylisted" }}
	for i, step := range []struct {
		later         string
		left, bounced int
	}{{"192h", 1, 0}, {"200h", 1, 0}, {"217h", 0, 1}} {
		s.config["later"] = step.later
		require.OK(t, s.session(t, server))
		envelopes, _ := s.queued(t)
		if left, bounced := s.waiting(t), strings.Count(envelopes, "\n"); left != step.left || bounced != step.bounced {
			t.Errorf("after session %d: %d left, %d bounced", i+1, left, bounced)
		}
	}
}

// TestDoubt: when the line breaks with the window wide open, at most the window
// is in doubt, the log names each of these messages, and nothing but these
// arrives twice.
func TestDoubt(t *testing.T) {
	const messages, answered, unanswered = 400, 150, 30
	for mode, server := range modes() {
		t.Run(mode, func(t *testing.T) {
			s := newSite(t, standardSite(t))
			s.fill(t, messages)
			taken := map[string]int{}
			server.Take = func(_ string, to []string, _ []byte) {
				for _, r := range to {
					taken[r]++
				}
			}
			server.MuteFrom, server.CloseAfter = answered, answered+unanswered
			if !(server.Pipelining && server.Chunking) {
				server.CloseAfter = answered // nothing more comes before an answer
			}
			if err := s.session(t, &server); err == nil {
				t.Fatal("the broken session ended in order")
			}
			doubts := s.doubts(t)
			if len(doubts) == 0 || strings.Count(s.log(t), " doubt ") > len(doubts) {
				t.Errorf("%d files in doubt, some named twice or none at all", len(doubts))
			}
			server.MuteFrom, server.CloseAfter = 0, 0
			require.OK(t, s.session(t, &server))
			for i := range messages {
				to := fmt.Sprintf("r%d@example.org", i)
				if n := taken[to]; n == 0 || n > 1 && !doubts["<"+to+">"] || n > 2 {
					t.Errorf("%s arrived %d times, in doubt: %v", to, n, doubts["<"+to+">"])
				}
			}
			// Of each ten messages four are copies: seven transactions.
			if most := smtp.DefaultWindow * 10 / 7; len(doubts) > most {
				t.Errorf("%d files in doubt, want at most the window's %d", len(doubts), most)
			}
		})
	}
}

// doubts are the recipients that the log names as in doubt.
func (s *site) doubts(t *testing.T) map[string]bool {
	named := map[string]bool{}
	for line := range strings.Lines(s.log(t)) {
		if !strings.Contains(line, " doubt ") {
			continue
		}
		_, rest, _ := strings.Cut(line, " to=")
		to, _, _ := strings.Cut(rest, " ")
		named[to] = true
	}
	return named
}

// TestPoisonCopies: five copies of a message at which the customer's server
// hangs up are one poison, not five: after two broken sessions what waits behind
// them arrives.
func TestPoisonCopies(t *testing.T) {
	for mode, server := range modes() {
		t.Run(mode, func(t *testing.T) {
			s := newSite(t, standardSite(t))
			s.fill(t, 30) // the first four are copies of one message
			taken := map[string]bool{}
			server.Rcpt = func(to string) string {
				if to < "r4@" && len(to) == len("r4@example.org") {
					return "421 4.0.0 poison"
				}
				return ""
			}
			server.Take = func(_ string, to []string, _ []byte) {
				for _, r := range to {
					taken[r] = true
				}
			}
			for range 3 {
				_ = s.session(t, &server)
			}
			if len(taken) != 26 || s.waiting(t) != 4 {
				t.Errorf("%d arrived in three sessions and %d wait, want 26 and the 4 that are poison", len(taken), s.waiting(t))
			}
		})
	}
}

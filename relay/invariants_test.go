package relay

import (
	"fmt"
	"math/rand"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/customer"
	"vodmr/test/kit/require"
)

// The tests TestInvariant1... to TestInvariant7... hold what INTERNALS says must
// always hold, under the same numbers.

// eachSeed runs a test with many seeds. VODMR_SEED, the number that a subtest's
// name ends with, repeats one.
func eachSeed(t *testing.T, count int, test func(t *testing.T, r *rand.Rand)) {
	base := time.Now().UnixNano() % 1e9
	if text := os.Getenv("VODMR_SEED"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		require.OK(t, err)
		base, count = n, 1
	}
	for i := range int64(count) {
		t.Run(fmt.Sprintf("seed %d", base+i), func(t *testing.T) {
			test(t, rand.New(rand.NewSource(base+i)))
		})
	}
}

// A turmoil is a site: its customer refuses, hangs up, and falls silent at
// random, and its qmail-queue fails at random.
type turmoil struct {
	*site
	r        *rand.Rand
	messages int
	fails    string // qmail-queue fails while this file exists

	answered   map[string]int // messages, by recipient, to which the customer said yes
	unanswered map[string]int // those that it took without a word
	inFlight   int            // unanswered in this session
	taken      int            // in this session
	conn       net.Conn       // of this session
}

func newTurmoil(t *testing.T, r *rand.Rand) *turmoil {
	s := newSite(t, standardSite(t))
	u := &turmoil{site: s, r: r, messages: 8 + r.Intn(25), fails: filepath.Join(s.root, "fails"),
		answered: map[string]int{}, unanswered: map[string]int{}}
	bin := filepath.Join(s.root, "qmail/bin/qmail-queue")
	require.OK(t, os.Remove(bin))
	script := fmt.Sprintf("#!/bin/sh\ntest ! -e %q || exit 53\nexec %q\n", u.fails, queueProgram())
	require.OK(t, os.WriteFile(bin, []byte(script), 0o755))
	s.fill(t, u.messages)
	return u
}

func recipient(i int) string { return fmt.Sprintf("r%d@example.org", i) }

// waiting reports if the file of a recipient is there.
func (u *turmoil) waiting(to string) bool {
	i, _ := strconv.Atoi(strings.TrimSuffix(to[1:], "@example.org"))
	_, err := os.Stat(filepath.Join(u.maildir, "new", fmt.Sprintf("%d.%d.vm", 1795336000+i, i)))
	return err == nil
}

// reply is one that refuses, or in most cases none.
func (u *turmoil) reply(one int) string {
	if u.r.Intn(one) > 0 {
		return ""
	}
	return []string{"450 4.2.0 later", "451 4.3.0 trouble", "550 5.1.1 no", "554 5.7.1 never", "421 4.3.2 closing"}[u.r.Intn(5)]
}

// session runs a session with a customer that has bad habits, or with none.
func (u *turmoil) session(t *testing.T, bad bool) {
	t.Helper()
	if u.site.waiting(t) == 0 {
		return
	}
	server := customer.Server{Pipelining: u.r.Intn(2) > 0, Chunking: u.r.Intn(2) > 0}
	_ = os.Remove(u.fails)
	if bad {
		server.Mail = func(string) string { return u.reply(12) }
		server.Rcpt = func(string) string { return u.reply(8) }
		server.Content = func(string, []string) string { return u.reply(8) }
		server.CloseAfter = u.r.Intn(2 * u.messages)
		if server.CloseAfter > 0 && u.r.Intn(2) > 0 {
			server.MuteFrom = 1 + u.r.Intn(server.CloseAfter)
		}
		if u.r.Intn(3) == 0 {
			require.OK(t, os.WriteFile(u.fails, nil, 0o600))
		}
	}
	u.taken, u.inFlight = 0, 0
	refuse := server.Content
	server.Content = func(from string, to []string) string {
		u.offered(t, to)
		if refuse == nil {
			return ""
		}
		return refuse(from, to)
	}
	server.Take = func(_ string, to []string, _ []byte) {
		into := u.answered
		if u.taken++; server.MuteFrom > 0 && u.taken >= server.MuteFrom {
			into = u.unanswered
			u.inFlight++
			// Nobody waits for a reply that does not come: it hangs up.
			require.OK(t, u.conn.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
		}
		for _, r := range to {
			into[r]++
		}
	}
	_ = u.turn(t, func(conn net.Conn) error {
		u.conn = conn
		_, err := server.Serve(conn)
		return err
	})
}

// offered holds what must be true when the customer has a message's last octet
// and has not said yes yet.
func (u *turmoil) offered(t *testing.T, to []string) {
	t.Helper()
	for _, r := range to {
		if !u.waiting(r) {
			t.Errorf("%s left the Maildir before the customer said yes", r)
		}
		if u.answered[r] > 0 {
			t.Errorf("%s is offered again though the customer said yes", r)
		}
	}
}

// bounced counts the bounces that qmail-queue took, by recipient.
func (u *turmoil) bounced(t *testing.T) map[string]int {
	var a account
	u.account(t, &a)
	return a.bounced
}

// TestInvariant1LeavesOnlyAfterYes: a message leaves the Maildir only after the
// customer's 2xx to its content, or after qmail-queue took its bounce. That it
// also holds for a relay that is killed is integration's
// TestKilledRelayLosesNothing to show.
func TestInvariant1LeavesOnlyAfterYes(t *testing.T) {
	eachSeed(t, 12, func(t *testing.T, r *rand.Rand) {
		u := newTurmoil(t, r)
		for session := range 8 {
			u.session(t, session < 6)
			bounced := u.bounced(t)
			for i := range u.messages {
				to := recipient(i)
				yes := u.answered[to] + bounced[to]
				if waiting := u.waiting(to); waiting == (yes > 0) || yes > 1 {
					t.Errorf("after session %d %s waits: %v, taken with a yes %d times, without %d times, bounced %d times",
						session, to, waiting, u.answered[to], u.unanswered[to], bounced[to])
				}
			}
		}
		if u.site.waiting(t) > 0 {
			t.Errorf("after two sessions without trouble there are still\n%s", u.left(t))
		}
	})
}

// TestInvariant2SentAgainOnlyIfInFlight: what the customer said yes to is never
// offered again, whatever broke the session; and what it took without a word,
// and so may get again, is no more than the window.
func TestInvariant2SentAgainOnlyIfInFlight(t *testing.T) {
	eachSeed(t, 12, func(t *testing.T, r *rand.Rand) {
		u := newTurmoil(t, r)
		window := 1 + r.Intn(6)
		u.config["VODMR_WINDOW"] = strconv.Itoa(window)
		broken := 0
		for range 8 {
			u.session(t, true)
			broken += u.inFlight
			if u.inFlight > window {
				t.Errorf("%d transactions in flight with a window of %d", u.inFlight, window)
			}
		}
		for u.site.waiting(t) > 0 && broken < 1000 {
			u.session(t, false)
			broken++
		}
		bounced := u.bounced(t)
		for i := range u.messages {
			to := recipient(i)
			if n := u.answered[to] + bounced[to]; n != 1 {
				t.Errorf("%s: taken with a yes %d times, bounced %d times", to, u.answered[to], bounced[to])
			}
		}
	})
}

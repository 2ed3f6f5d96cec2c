package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A front dies while it sends: its processes are killed, or its machine is gone without
// another packet. The customer is served by the other front, nothing is lost, and only
// the mail that was in flight comes twice.
func TestFrontDiesBehindHAProxy(t *testing.T) {
	t.Parallel()
	for name, die := range map[string]func(t testing.TB, f *namespaceFront){
		"its processes": func(t testing.TB, f *namespaceFront) { f.kill(t) },
		"its machine":   func(t testing.TB, f *namespaceFront) { f.cut(t); f.kill(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t).standing("VODMR_NOOP=1")
			b := newBalanced(t, s, proxied(t))
			b.balance(t, "odmr", change{"inter 2s", "inter 300ms"}, change{"timeout check 5s", "timeout check 1s"}, change{"timeout connect 5s", "timeout connect 1s"})
			inbox := filepath.Join(t.TempDir(), "Maildir")
			said := b.startStanding(t, inbox)
			first := b.standsAt(t)

			const messages, window = 600, 100
			random := testRandom(t)
			for n := range messages {
				s.deliver(t, "ann@sender.test", strings.Repeat("some of the mail\n", 1+random.IntN(500)), fmt.Sprintf("user%d@%s", n%7, s.domain))
				if n == messages/3 {
					eventually(t, time.Minute, "mail flows", func() bool { return len(first.lines(t, " success ")) > 20 })
					die(t, first)
				}
			}
			dead := time.Now()
			eventually(t, time.Minute, "the rest is sent by the other front", func() bool { return len(s.waiting(t)) == 0 })
			t.Logf("all is sent %v after the death; atrn said\n%s", time.Since(dead).Round(time.Millisecond), readFile(t, said))
			b.other(first).drain(t)
			eventually(t, time.Minute, "the session ends", func() bool { return b.standsAt(t) != b.other(first) })
			b.account(t, inbox, window)
		})
	}
}

// account fails unless each message arrived, and no more than so many of them twice.
func (b *balanced) account(t testing.TB, inbox string, inFlight int) {
	t.Helper()
	copies, twice := count(t, b.site, inbox), 0
	for _, m := range b.delivered {
		got := copies[m.key()]
		if got < 1 || got > 2 {
			t.Errorf("%s arrived %d times", m.key(), got)
		}
		twice += got - 1
	}
	if twice > inFlight {
		t.Errorf("%d messages arrived twice, and at most %d were in flight", twice, inFlight)
	}
	if bounced := b.bounces(t); len(bounced) > 0 {
		t.Errorf("%d messages bounced", len(bounced))
	}
	t.Logf("%d messages, 0 lost, %d arrived twice", len(b.delivered), twice)
}

// testRandom is random, and repeats itself if VODMR_SEED is set.
func testRandom(t testing.TB) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("VODMR_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	t.Logf("VODMR_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

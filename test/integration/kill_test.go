package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Killed anywhere, nothing is lost, and a message is sent again only
// if it was in flight. So vodmr-relay is killed at ten random bytes of what it
// sends, and in the end each message must be there, no more often than once and
// once more for each kill that found it in flight.
func TestKilledRelayLosesNothing(t *testing.T) {
	t.Parallel()
	testKills(t, 10, func(*killSite) {})
}

// testKills kills vodmr-relay that often, on a site that prepare may change.
func testKills(t *testing.T, kills int, prepare func(*killSite)) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("VODMR_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	t.Logf("VODMR_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	k := newKillSite(t, random, 200)
	prepare(k)
	for left := kills; left > 0; {
		if k.fetchAndKill(t, random, left) {
			left--
		}
	}
	k.mustFetch(t, k.listen(t), "-m", k.inbox)
	if left := k.waiting(t); len(left) > 0 {
		t.Errorf("the provider's Maildir still holds %q", left)
	}
	k.check(t)
}

// A killSite is a site with a vodmr-relay that can be killed.
type killSite struct {
	*site
	provider *provider
	pidFile  string
	inbox    string
	inFlight map[string]int // kills that found a message, by id, in flight
}

func newKillSite(t testing.TB, random *rand.Rand, messages int) *killSite {
	t.Helper()
	k := &killSite{site: newSite(t), inFlight: make(map[string]int)}
	k.inbox = filepath.Join(t.TempDir(), "Maildir")
	runs := filepath.Join(k.dir, "run")
	k.owner.mkdir(t, runs, 0o755)
	k.pidFile = filepath.Join(runs, "pid")
	k.relay = []string{"/bin/sh", "-c", `echo $$ >"$0"; exec "$@"`, k.pidFile}
	for n := range messages {
		body := strings.Repeat(fmt.Sprintf("line %d\n", n), 1+random.IntN(2000))
		k.deliver(t, "ann@sender.test", body, fmt.Sprintf("user%d@%s", n%7, k.domain))
	}
	k.provider = k.listen(t)
	return k
}

// fetchAndKill makes a visit during which vodmr-relay is killed: at a byte such
// that the kills that are left spread over the mail that is left. It says
// if there was one to kill.
func (k *killSite) fetchAndKill(t testing.TB, random *rand.Rand, left int) bool {
	t.Helper()
	// The words of vodmr before that are no part of what vodmr-relay sends.
	const beforeATRN = 400
	os.Remove(k.pidFile)
	killed := false
	at := beforeATRN + random.IntN(1+2*k.bytesWaiting(t)/(left+1))
	link := newTap(t, k.provider.addr(), at, func() { killed = k.kill(t) })
	through := &provider{log: k.provider.log}
	through.ip, through.port, _ = strings.Cut(link.addr, ":")
	code, output := k.atrn(t, through, "-m", k.inbox)
	seen := link.wait(t)
	if !killed {
		t.Logf("nothing to kill at byte %d: atrn exits %d: %s", at, code, output)
		return false
	}
	if code == 0 && len(k.waiting(t)) > 0 {
		t.Errorf("atrn exits 0 though vodmr-relay was killed: %s", output)
	}
	k.noteInFlight(t, string(seen))
	return true
}

// kill kills vodmr-relay.
func (k *killSite) kill(t testing.TB) bool {
	text, err := os.ReadFile(k.pidFile)
	if err != nil {
		return false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid < 2 {
		return false
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Logf("kill: %v", err)
		return false
	}
	return true
}

var idLine = regexp.MustCompile(`(?m)^` + idHeader + `(\d+)\r$`)

// noteInFlight notes the messages that were sent, all or in part, but are still
// in the Maildir.
func (k *killSite) noteInFlight(t testing.TB, seen string) {
	t.Helper()
	there := make(map[string]bool)
	for _, name := range k.waiting(t) {
		base, _, _ := strings.Cut(name, ":2,")
		there[base] = true
	}
	ids := idLine.FindAllStringSubmatch(seen, -1)
	for _, match := range ids {
		n, _ := strconv.Atoi(match[1])
		if there[k.delivered[n].file] {
			k.inFlight[match[1]]++
		}
	}
	t.Logf("killed after %d bytes and %d messages, %d wait", len(seen), len(ids), len(there))
}

func (k *killSite) bytesWaiting(t testing.TB) int {
	t.Helper()
	total := 0
	for _, sub := range []string{"new", "cur"} {
		for _, name := range names(t, filepath.Join(k.maildir(), sub)) {
			info, err := os.Stat(filepath.Join(k.maildir(), sub, name))
			if err != nil {
				t.Fatal(err)
			}
			total += int(info.Size())
		}
	}
	return total
}

// check compares the copies that arrived with those that may.
func (k *killSite) check(t testing.TB) {
	t.Helper()
	copies := count(t, k.site, k.inbox)
	repeated := 0
	for _, m := range k.delivered {
		got, most := copies[m.key()], 1+k.inFlight[id(m.content)]
		if got < 1 || got > most {
			t.Errorf("%s arrived %d times, want 1 to %d", m.key(), got, most)
		}
		repeated += got - 1
	}
	t.Logf("%d messages, %d arrived again", len(k.delivered), repeated)
}

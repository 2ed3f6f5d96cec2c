package relay

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vodmr/relay/door"
	"vodmr/relay/spool/history"
	"vodmr/test/kit/customer"
	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
	"vodmr/test/kit/testsite"
)

// A probedCustomer has standing sessions that come and go, and a server that writes down when it
// is asked about a recipient without mail.
type probedCustomer struct {
	*site
	later atomic.Int64 // the date, beyond now

	mu     sync.Mutex
	sender string
	users  []string
	probes map[string][]time.Duration // by recipient
}

func newProbedCustomer(t *testing.T, users ...string) *probedCustomer {
	s := newSite(t, standardSite(t))
	s.config["VODMR_IDLE"], s.config["VODMR_NOOP"], s.config["VODMR_ASK"] = "86400", "3600", "100000"
	s.config["VODMR_DOOR"] = t.TempDir()
	return &probedCustomer{site: s, users: users, probes: map[string][]time.Duration{}}
}

func (p *probedCustomer) clock() time.Time { return now.Add(p.at()) }

func (p *probedCustomer) at() time.Duration { return time.Duration(p.later.Load()) }

func (p *probedCustomer) add(user string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users = append(p.users, user)
}

func (p *probedCustomer) rcpt(to string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sender == "" {
		p.probes[to] = append(p.probes[to], p.at())
	}
	if !slices.Contains(p.users, to) {
		return "550 5.1.1 no such user"
	}
	return ""
}

func (p *probedCustomer) mail(from string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sender = from
	return ""
}

// begin begins a standing session. The function ends it.
func (p *probedCustomer) begin(t *testing.T) (end func()) {
	t.Helper()
	conn, peer := socketPair(t)
	log, err := os.OpenFile(filepath.Join(p.root, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.OK(t, err)
	signal, tell, err := os.Pipe()
	require.OK(t, err)
	config := p.relayConfig(peer, log)
	config.Now, config.Terminated = p.clock, func() (int, error) { return int(signal.Fd()), nil }
	served, done := make(chan error, 1), make(chan bool)
	go func() {
		served <- Serve(config)
		peer.Close()
	}()
	dialogue.New(t, conn).Run("S: 235 *\nC: ATRN\nS: 250 *")
	server := &customer.Server{Pipelining: true, Chunking: true, Mail: p.mail, Rcpt: p.rcpt, Take: func(string, []string, []byte) {}}
	go func() {
		_, _ = server.Serve(conn)
		close(done)
	}()
	for socket := filepath.Join(p.config["VODMR_DOOR"], "example.org"); !exists(socket); {
		time.Sleep(time.Millisecond) // the session has not read EHLO's reply yet
	}
	return func() {
		_, _ = tell.Write([]byte{0})
		if err := <-served; err != nil {
			t.Errorf("the session ends with %v", err)
		}
		<-done
		conn.Close()
		tell.Close()
		signal.Close()
		log.Close()
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// send has the session send a message, which is removed once it was taken.
func (p *probedCustomer) send(t *testing.T, to string) {
	t.Helper()
	p.deliver(t, "1795336000.1.vm", string(testsite.Message("ann@sender.test", to, "text")))
	for p.waiting(t) > 0 {
		time.Sleep(time.Millisecond)
	}
}

// asks asks at the door, and fails unless the standing session answers so.
func (p *probedCustomer) asks(t *testing.T, address string, refuse bool) {
	t.Helper()
	client := door.NewClient(p.config["VODMR_DOOR"])
	client.Now, client.Patience = p.clock, time.Minute
	if o := client.Ask(address); o.Refuse != refuse || o.Source != "session" {
		t.Errorf("after %v: %s is refused: %v by %s, want %v", p.at(), address, o.Refuse, o.Source, refuse)
	}
}

// apart fails unless there are so many probes of an address, and so much time between them.
func (p *probedCustomer) apart(t *testing.T, address string, count int, least time.Duration) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.probes[address]); n != count {
		t.Errorf("%s: %d probes, want %d: %v", address, n, count, p.probes[address])
	}
	for i, at := range p.probes[address] {
		if i > 0 && at-p.probes[address][i-1] < least {
			t.Errorf("%s is asked about after %v and after %v", address, p.probes[address][i-1], at)
		}
	}
}

// TestProbes: in six hours, with a question a minute about each recipient and a session that
// begins anew each 25 minutes, the customer's server is asked about one that it refuses at most
// once in ten minutes, about one that it accepts at most once an hour, and not at all within an
// hour of mail that it took for it. A user that is made is accepted within ten minutes.
func TestProbes(t *testing.T) {
	const nobody, carol, bob, late = "nobody@example.org", "carol@example.org", "bob@example.org", "late@example.org"
	const made = 123 * time.Minute
	p := newProbedCustomer(t, carol, bob)
	end := p.begin(t)
	p.send(t, bob)
	for p.at() < 6*time.Hour {
		if at := p.at(); at > 0 && at%(25*time.Minute) == 0 {
			end()
			end = p.begin(t)
		}
		if p.at() == made {
			p.add(late)
		}
		p.asks(t, nobody, true)
		p.asks(t, carol, false)
		p.asks(t, bob, false)
		if p.at() < made || p.at() >= made+history.RefusedFor {
			p.asks(t, late, p.at() < made)
		}
		p.later.Add(int64(time.Minute))
	}
	end()
	p.apart(t, nobody, 36, history.RefusedFor)
	p.apart(t, carol, 6, history.AcceptedFor)
	p.apart(t, bob, 5, history.AcceptedFor)
	p.apart(t, late, 13+4, history.RefusedFor)
	if first := p.probes[bob][0]; first < history.AcceptedFor {
		t.Errorf("%s is asked about %v after its mail was taken", bob, first)
	}
}

// TestLastWord: what the mail shows of a recipient counts at once, though the session has
// answered otherwise.
func TestLastWord(t *testing.T) {
	const bob, late = "bob@example.org", "late@example.org"
	p := newProbedCustomer(t, bob)
	end := p.begin(t)
	for _, to := range []string{bob, late} {
		p.send(t, to)
		p.asks(t, late, to == bob)
		p.add(late)
	}
	end()
	p.apart(t, late, 1, 0)
}

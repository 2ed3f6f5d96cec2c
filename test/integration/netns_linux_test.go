package integration

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/require"
)

// A farHost is a network namespace, joined to this host by one line.
type farHost struct {
	ip       string // the namespace's program that makes lines
	name     string // of the namespace
	near     string // this end's interface
	far      string // the namespace's
	nearAddr string
	farAddr  string
	newAddr  string // for renumber
}

// farHosts counts the namespaces of this process.
var farHosts atomic.Int32

// newFarHost makes a namespace. The addresses of 198.18.0.0/15 are for tests of networks (RFC
// 2544); tests that run beside this one have others of them, and other names.
func newFarHost(t testing.TB) *farHost {
	t.Helper()
	require.Root(t, "only root makes network namespaces")
	pid, n := os.Getpid()%100000, int(farHosts.Add(1))
	net := (pid*64 + n) % (1 << 14) * 8
	address := func(host int) string {
		return fmt.Sprintf("198.%d.%d.%d", 18+net>>16, net>>8&255, net&255+host)
	}
	h := &farHost{
		ip:       require.Program(t, "ip"),
		name:     fmt.Sprintf("vodmr-test-%d-%d", os.Getpid(), n), // scripts/test knows it
		near:     fmt.Sprintf("vodmr%d.%d", pid, n),
		far:      fmt.Sprintf("vodmf%d.%d", pid, n),
		nearAddr: address(1),
		farAddr:  address(2),
		newAddr:  address(3),
	}
	if out, err := exec.Command(h.ip, "netns", "add", h.name).CombinedOutput(); err != nil {
		require.Skip(t, "no network namespace can be made: %s", strings.TrimSpace(string(out)))
	}
	t.Cleanup(func() { h.run(t, "netns", "del", h.name) })
	h.run(t, "link", "add", h.near, "type", "veth", "peer", "name", h.far, "netns", h.name)
	t.Cleanup(func() { exec.Command(h.ip, "link", "del", h.near).Run() })
	h.run(t, "addr", "add", h.nearAddr+"/29", "dev", h.near)
	h.run(t, "link", "set", h.near, "up")
	h.run(t, "-n", h.name, "addr", "add", h.farAddr+"/29", "dev", h.far)
	h.run(t, "-n", h.name, "link", "set", h.far, "up")
	return h
}

func (h *farHost) run(t testing.TB, args ...string) {
	t.Helper()
	if out, err := exec.Command(h.ip, args...).CombinedOutput(); err != nil {
		t.Errorf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// cut takes the line down: no packet, no FIN and no RST goes over it any more.
func (h *farHost) cut(t testing.TB) {
	t.Helper()
	h.run(t, "-n", h.name, "link", "set", h.far, "down")
}

// renumber gives the namespace another address, as a dialled line has one each time:
// what was connected from the old one is dark.
func (h *farHost) renumber(t testing.TB) {
	t.Helper()
	h.run(t, "-n", h.name, "addr", "del", h.farAddr+"/29", "dev", h.far)
	h.run(t, "-n", h.name, "addr", "add", h.newAddr+"/29", "dev", h.far)
}

// dial connects from the namespace to a port of this host.
func (h *farHost) dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result)
	go func() {
		// The thread is in the wrong namespace from here on: it is not
		// unlocked, and so ends with the goroutine.
		runtime.LockOSThread()
		conn, err := dialFrom("/run/netns/"+h.name, addr)
		done <- result{conn, err}
	}()
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	return r.conn
}

// dialFrom moves this thread into a namespace and connects. A literal address
// is dialled in the calling goroutine.
func dialFrom(namespace, addr string) (net.Conn, error) {
	file, err := os.Open(namespace)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("setns: %w", err)
	}
	to, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, err
	}
	return net.DialTCP("tcp", nil, to)
}

// If a customer's line goes dark, without FIN or RST, that must not keep its mailbox
// locked: neither while the provider waits for it, nor while the provider sends.
func TestDarkLineFreesTheLock(t *testing.T) {
	t.Parallel()
	const limit = 120 * time.Second
	h := newFarHost(t)
	waiting, sends := newSite(t), newSite(t)
	tcpserver := require.Program(t, "tcpserver")
	sites := map[string]*site{"while the provider waits": waiting, "while the provider sends": sends}
	for _, s := range sites {
		s.deliver(t, "ann@sender.test", strings.Repeat("a line of some fifty bytes, again and again\n", 500000), "bob@"+s.domain)
	}
	p := waiting.listenOn(t, tcpserver, h.nearAddr)
	waiting.turn(t, h.dial(t, p.addr()))
	q := sends.listenOn(t, tcpserver, h.nearAddr)
	sends.turn(t, h.dial(t, q.addr())).takeContent(t)
	for name, s := range sites {
		if !s.locked(t) {
			t.Fatalf("%s: not locked while the line is up", name)
		}
	}

	h.cut(t)
	dark := time.Now()
	eventually(t, limit, "the locks are free", func() bool { return !waiting.locked(t) && !sends.locked(t) })
	t.Logf("both locks are free %v after the line went dark", time.Since(dark).Round(time.Second))

	for name, s := range sites {
		inbox := filepath.Join(t.TempDir(), "Maildir")
		s.mustFetch(t, s.listen(t), "-m", inbox)
		onceEach(t, s, inbox)
		t.Logf("%s: served again", name)
	}
}

// takeContent plays a server without extensions until content comes, and then
// reads nothing more.
func (c *turned) takeContent(t testing.TB) {
	t.Helper()
	c.say(t, "220 customer.test ESMTP")
	for {
		command := c.line(t)
		switch {
		case strings.HasPrefix(command, "DATA"):
			c.say(t, "354 go on")
			c.line(t)
			return
		case strings.HasPrefix(command, "EHLO"):
			c.say(t, "250 customer.test")
		default:
			c.say(t, "250 2.0.0 fine")
		}
	}
}

// TestStandingDarkLine: if mail lands after the line has gone dark, without FIN or RST, it
// goes out by the customer's next connection. If the customer comes back as atrn -i does,
// that is within 90 s.
func TestStandingDarkLine(t *testing.T) {
	t.Parallel()
	h := newFarHost(t)
	s := newSite(t).standing()
	p := s.listenOn(t, require.Program(t, "tcpserver"), h.nearAddr)
	c := s.turn(t, h.dial(t, p.addr()))
	c.say(t, "220 customer.test ESMTP")
	c.line(t)
	c.say(t, "250 customer.test")
	eventually(t, time.Minute, "the session stands", func() bool { return len(p.lines(t, " stand ")) == 1 })

	h.cut(t)
	dark := time.Now()
	s.deliver(t, "ann@sender.test", "on a dark line\n", "bob@"+s.domain)
	inbox := filepath.Join(t.TempDir(), "Maildir")
	next := s.listen(t)
	done := background(func() (int, string) { return s.atrn(t, next, "-m", inbox) })
	eventually(t, 90*time.Second, "the message is sent", func() bool { return len(s.waiting(t)) == 0 })
	t.Logf("it is there %v after the line went dark", time.Since(dark).Round(time.Second))
	s.terminate(t)
	endedWell(t, done)
	onceEach(t, s, inbox)
}

// TestStandingDarkLineWhileMailLands: the line goes dark while the customer's server
// judges a message, which a takeover request may not cut short. Even if more mail lands
// all the time, and wakes the session, this shows in time.
func TestStandingDarkLineWhileMailLands(t *testing.T) {
	t.Parallel()
	h := newFarHost(t)
	s := newSite(t).standing()
	p := s.listenOn(t, require.Program(t, "tcpserver"), h.nearAddr)
	s.deliver(t, "ann@sender.test", "to be judged\n", "bob@"+s.domain)
	c := s.turn(t, h.dial(t, p.addr()))
	c.takeContent(t)
	for c.line(t) != "." {
	}

	h.cut(t)
	dark, landed := time.Now(), time.Now()
	eventually(t, 2*time.Minute, "the lock is free", func() bool {
		if time.Since(landed) > 3*time.Second {
			s.deliver(t, "ann@sender.test", "on a dark line\n", "bob@"+s.domain)
			landed = time.Now()
		}
		return !s.locked(t)
	})
	t.Logf("the lock is free %v after the line went dark", time.Since(dark).Round(time.Second))
	// The session or the kernel notices first.
	if doubts := p.lines(t, " doubt "); len(doubts) != 1 {
		t.Errorf("the log doubts %d messages, want 1", len(doubts))
	}
}

// TestStandingNewAddress: the customer gets a new address, so that nothing tells
// either side of the old session's end. atrn -i notices, calls again, and takes over
// what the provider still holds for the old session.
func TestStandingNewAddress(t *testing.T) {
	t.Parallel()
	// NOOPs each second leave a reply without its acknowledgement, with NOOPs each
	// minute there is none.
	for _, noop := range []string{"VODMR_NOOP=1", "VODMR_NOOP=60"} {
		t.Run(noop, func(t *testing.T) {
			t.Parallel()
			h := newFarHost(t)
			s := newSite(t).standing(noop)
			p := s.listenOn(t, require.Program(t, "tcpserver"), h.nearAddr)
			inbox, said := filepath.Join(t.TempDir(), "Maildir"), filepath.Join(s.dir, "atrn.log")
			args := append([]string{"netns", "exec", h.name, program(t, "atrn"), "-u", s.login, "-p", s.passfile}, s.trust...)
			start(t, exec.Command(h.ip, append(args, "-i", "-m", inbox, p.addr())...), said)
			eventually(t, time.Minute, "the session stands", func() bool { return len(p.lines(t, " stand ")) == 1 })

			h.renumber(t)
			dark := time.Now()
			s.deliver(t, "ann@sender.test", "while the address changes\n", "bob@"+s.domain)
			eventually(t, 3*time.Minute, "the message is sent", func() bool { return len(s.waiting(t)) == 0 })
			t.Logf("it is there %v after the address changed; atrn said %s", time.Since(dark).Round(time.Second), readFile(t, said))
			s.terminate(t)
			eventually(t, time.Minute, "the session ends", func() bool { return !s.locked(t) })
			onceEach(t, s, inbox)
		})
	}
}

package integration

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vodmr/test/kit/require"
)

// A balanced site has two fronts over one folder, each in a network namespace of its own, and
// a customer in a third. This host is between them: it has the balancer.
type balanced struct {
	*site
	customer *farHost
	fronts   []*namespaceFront
	balancer *haproxy
}

// A namespaceFront is a front in a network namespace.
type namespaceFront struct {
	*farHost
	*provider
}

// A chainFor sets which programs stand in front of vodmr, at a front that knows its balancer
// by an address.
type chainFor func(f *site, balancer string)

// proxied is vodmr-proxy with these programs behind it.
func proxied(t testing.TB, behind ...string) chainFor {
	return func(f *site, balancer string) {
		f.front = append([]string{program(t, "vodmr-proxy"), "-n", balancer}, behind...)
	}
}

// newBalanced starts two fronts of a site. There is no balancer yet.
func newBalanced(t testing.TB, s *site, chain chainFor) *balanced {
	t.Helper()
	b := &balanced{site: s, customer: newFarHost(t)}
	for range 2 {
		b.fronts = append(b.fronts, s.startInNamespace(t, chain))
	}
	return b
}

// startInNamespace starts a front of the site in a new namespace. Its log is its own.
func (s *site) startInNamespace(t testing.TB, chain chainFor) *namespaceFront {
	t.Helper()
	h := newFarHost(t)
	h.run(t, "-n", h.name, "link", "set", "lo", "up")
	f := *s
	f.dir = filepath.Join(s.dir, h.name)
	f.owner.mkdir(t, f.dir, 0o755)
	f.settings = append(slices.Clone(s.settings), "VODMR_QUIET="+h.nearAddr)
	chain(&f, h.nearAddr)
	inside := filepath.Join(f.dir, "tcpserver")
	script := fmt.Sprintf("#!/bin/sh\nexec %s netns exec %s %s \"$@\"\n", h.ip, h.name, require.Program(t, "tcpserver"))
	f.owner.write(t, inside, script, 0o755)
	return &namespaceFront{h, f.listenOn(t, inside, h.farAddr)}
}

// kill kills every process of the front, as the end of a machine would.
func (f *namespaceFront) kill(t testing.TB) {
	t.Helper()
	for _, pid := range f.processes(t) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// processes lists those in the front's namespace.
func (f *namespaceFront) processes(t testing.TB) []int {
	t.Helper()
	out, err := exec.Command(f.ip(), "netns", "pids", f.name).Output()
	if err != nil {
		t.Fatal(err)
	}
	var list []int
	for word := range strings.FieldsSeq(string(out)) {
		if pid, err := strconv.Atoi(word); err == nil {
			list = append(list, pid)
		}
	}
	return list
}

// ip is the program: both parts of a front have a field of that name.
func (f *namespaceFront) ip() string { return f.farHost.ip }

// drain tells each vodmr-relay of the front to end, as `pkill -TERM -x vodmr-relay' does on
// a machine that has no other front.
func (f *namespaceFront) drain(t testing.TB) {
	t.Helper()
	for _, pid := range f.processes(t) {
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if strings.TrimSpace(string(name)) == "vodmr-relay" {
			_ = syscall.Kill(pid, syscall.SIGTERM)
		}
	}
}

// atrn is the customer's program in its namespace, with the balancer as the provider.
func (b *balanced) atrn(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	command := append([]string{"netns", "exec", b.customer.name, program(t, "atrn"), "-u", b.login, "-p", b.passfile}, b.trust...)
	return exec.Command(b.customer.ip, append(append(command, args...), b.balancer.addr)...)
}

// fetch makes a visit that must go well.
func (b *balanced) fetch(t testing.TB, inbox string) {
	t.Helper()
	if code, output := run(t, sessionLimit, b.atrn(t, "-m", inbox)); code != 0 {
		t.Fatalf("atrn exits %d: %s\n%s", code, output, readFile(t, b.balancer.log))
	}
}

// startStanding starts a customer that always has a session, and waits until it has one. It
// returns the file that atrn's words go to.
func (b *balanced) startStanding(t testing.TB, inbox string) (said string) {
	t.Helper()
	said = filepath.Join(b.dir, "atrn.log")
	start(t, b.atrn(t, "-i", "-m", inbox), said)
	eventually(t, time.Minute, "a session stands", func() bool { return b.standsAt(t) != nil })
	return said
}

// standsAt is the front that has the standing session; nil if there is none.
func (b *balanced) standsAt(t testing.TB) *namespaceFront {
	t.Helper()
	for _, f := range b.fronts {
		if len(f.lines(t, "vodmr-relay: ", " stand ")) > len(f.lines(t, "vodmr-relay: ", " end ")) {
			return f
		}
	}
	return nil
}

// other is the front that the session is not at.
func (b *balanced) other(f *namespaceFront) *namespaceFront {
	if b.fronts[0] == f {
		return b.fronts[1]
	}
	return b.fronts[0]
}

// A haproxy is a HAProxy that runs with dist/haproxy/haproxy.cfg.
type haproxy struct {
	addr   string // customers call it
	log    string
	socket string // for its administrator
}

// A change is a text of an example file, and what stands there in a test.
type change struct{ old, new string }

// example is a file of dist with changes. Each must have something to change.
func example(t testing.TB, file string, changes ...change) string {
	t.Helper()
	text := readFile(t, filepath.Join("../../dist", file))
	for _, c := range changes {
		if !strings.Contains(text, c.old) {
			t.Fatalf("dist/%s has no %q to change", file, c.old)
		}
		text = strings.ReplaceAll(text, c.old, c.new)
	}
	return text
}

// balance starts HAProxy before the two fronts. section is the part of the example that
// customers call: odmr, or odmrs in which TLS ends.
func (b *balanced) balance(t testing.TB, section string, changes ...change) {
	t.Helper()
	inside := filepath.Join(b.dir, "haproxy")
	if err := os.MkdirAll(inside, 0o755); err != nil {
		t.Fatal(err)
	}
	h := &haproxy{log: filepath.Join(inside, "log"), socket: filepath.Join(inside, "admin")}
	changes = append([]change{
		{"log /dev/log local0", "log stdout format raw daemon"},
		{"/run/haproxy/admin.sock", h.socket},
		{"maxconn 45000", "maxconn 500"},
		{"bind :366", "bind " + freeAddress(t, b.customer.nearAddr)},
		{"bind :10366", "bind " + freeAddress(t, b.customer.nearAddr)},
	}, changes...)
	if section == "odmr" {
		changes = append(changes, change{" ssl crt /etc/haproxy/mail.example.net.pem", ""})
	}
	for i, f := range b.fronts {
		name := fmt.Sprintf("192.0.2.1%d", i+1)
		changes = append(changes, change{name + ":366", f.addr()}, change{name + ":367", f.addr()})
	}
	config := filepath.Join(inside, "haproxy.cfg")
	text := example(t, "haproxy/haproxy.cfg", changes...)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	h.addr = boundIn(text, section)
	startOther(t, exec.Command(require.Program(t, "haproxy"), "-db", "-f", config), h.log)
	b.balancer = h
	eventually(t, 30*time.Second, "HAProxy finds both fronts up", func() bool {
		status := h.ask(t, "show stat")
		return strings.Count(status, ",UP,")+strings.Count(status, ",no check,") >= 4
	})
}

// boundIn is the address that a section of a configuration binds.
func boundIn(text, section string) string {
	_, rest, _ := strings.Cut(text, "listen "+section+"\n")
	_, rest, _ = strings.Cut(rest, "bind ")
	return strings.Fields(rest)[0]
}

// freeAddress is an address with a port that nobody has now.
func freeAddress(t testing.TB, ip string) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// ask gives the administrator's socket a command; "" if nobody is there.
func (h *haproxy) ask(t testing.TB, command string) string {
	t.Helper()
	conn, err := net.Dial("unix", h.socket)
	if err != nil {
		return ""
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		return ""
	}
	var answer bytes.Buffer
	_, _ = io.Copy(&answer, conn)
	return answer.String()
}

// setServer sets the state of a front in HAProxy: ready, drain or maint.
func (b *balanced) setServer(t testing.TB, f *namespaceFront, state string) {
	t.Helper()
	n := slices.Index(b.fronts, f) + 1
	for _, section := range []string{"odmr", "odmrs"} {
		if answer := b.balancer.ask(t, fmt.Sprintf("set server %s/front%d state %s", section, n, state)); strings.TrimSpace(answer) != "" {
			t.Fatalf("HAProxy: %s", answer)
		}
	}
}

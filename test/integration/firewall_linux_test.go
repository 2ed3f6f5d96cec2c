package integration

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/require"
)

// ruleset is the nftables table that INSTALL has.
func ruleset(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../INSTALL")
	if err != nil {
		t.Fatal(err)
	}
	const indent, first = "        ", "table inet vodmr {\n"
	_, rest, found := strings.Cut(string(text), indent+first)
	body, _, ended := strings.Cut(rest, "\n"+indent+"}\n")
	if !found || !ended {
		t.Fatal("INSTALL has no such table")
	}
	return first + body + "\n}\n"
}

// TestFirewallOfINSTALL: by its lines one address gets four connections to the front and
// no fifth, however silent they are, and a new one for each that it gives up.
func TestFirewallOfINSTALL(t *testing.T) {
	t.Parallel()
	nft, tcpserver := require.Program(t, "nft"), require.Program(t, "tcpserver")
	h := newFarHost(t)
	dir := t.TempDir()
	rules := filepath.Join(dir, "rules")
	if err := os.WriteFile(rules, []byte(ruleset(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(h.ip, "netns", "exec", h.name, nft, "-f", rules).CombinedOutput(); err != nil {
		t.Fatalf("nft: %v: %s", err, out)
	}
	addr := net.JoinHostPort(h.farAddr, "366")
	start(t, exec.Command(h.ip, "netns", "exec", h.name, tcpserver, "-RHl0", "-c40", h.farAddr, "366",
		program(t, "vodmr"), "mail.provider.test", "false"), filepath.Join(dir, "log"))
	var held []net.Conn
	for len(held) < 4 {
		held = append(held, greeted(t, addr))
	}
	if conn, err := net.DialTimeout("tcp", addr, time.Minute); err == nil {
		conn.Close()
		t.Fatal("a fifth connection was let in")
	}
	held[0].Close()
	greeted(t, addr)
}

// greeted connects, as soon as it is let in, and reads the greeting.
func greeted(t *testing.T, addr string) net.Conn {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		conn, err := net.DialTimeout("tcp", addr, time.Minute)
		if err != nil && time.Now().Before(deadline) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if line, err := bufio.NewReader(conn).ReadString('\n'); !strings.HasPrefix(line, "220 ") {
			t.Fatalf("greeted with %q, %v", line, err)
		}
		return conn
	}
}

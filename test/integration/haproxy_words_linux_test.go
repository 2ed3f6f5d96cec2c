package integration

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/test/kit/require"
)

const tryLater = 111

// atrn's words say that the balancer is the reason, if it is, and who can mend it.
func TestAtrnNamesTheBalancerHAProxy(t *testing.T) {
	t.Parallel()
	const noServer, unread = "no server is left behind it", "sends a PROXY header that the server behind it does not read"
	for name, test := range map[string]struct {
		header string // what HAProxy's line says
		maint  bool   // no server is left
		tls    string // atrn -T
		want   string
	}{
		"no server is left":           {" send-proxy-v2\n", true, "none", noServer},
		"no server is left for TLS":   {" send-proxy-v2\n", true, "tls", noServer},
		"version 1 without a reader":  {" send-proxy\n", false, "none", unread},
		"version 2 without a reader":  {" send-proxy-v2\n", false, "none", unread},
		"a reader without any header": {"\n", false, "none", "vodmr-proxy"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.trust = []string{"-T", test.tls}
			chain := func(*site, string) {}
			if test.header == "\n" || test.maint {
				chain = proxied(t)
			}
			b := newBalanced(t, s, chain)
			// A check would find out too: it is left out, as careless admins do.
			b.balance(t, "odmr", change{" send-proxy-v2\n", test.header}, change{"default-server check inter", "default-server inter"})
			if test.maint {
				for _, f := range b.fronts {
					b.setServer(t, f, "maint")
				}
			}
			s.deliver(t, "ann@sender.test", "waits\n", "bob@"+s.domain)
			code, output := run(t, sessionLimit, b.atrn(t, "-m", filepath.Join(t.TempDir(), "Maildir")))
			if code != tryLater || !strings.Contains(output, test.want) {
				t.Errorf("atrn exits %d: %s", code, output)
			}
			if left := s.waiting(t); len(left) != 1 {
				t.Errorf("%d messages wait, want 1", len(left))
			}
		})
	}
}

// A balancer in front of the customer's own server that sends a header which this does not
// read: the mail stays with the provider, and atrn's words say where to look.
func TestAtrnNamesTheInnerHAProxy(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"send-proxy", "send-proxy-v2"} {
		t.Run(header, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			p, mx := s.listen(t), startPostfix(t, s.domain)
			addr := freeAddress(t, "127.0.0.1")
			config := filepath.Join(s.dir, "haproxy.cfg")
			s.owner.write(t, config, fmt.Sprintf("defaults\n mode tcp\n timeout client 1m\n timeout server 1m\n timeout connect 5s\n"+
				"listen inner\n bind %s\n server postfix 127.0.0.1:%s %s\n", addr, mx.port, header), 0o644)
			startOther(t, exec.Command(require.Program(t, "haproxy"), "-db", "-f", config), filepath.Join(s.dir, "haproxy.log"))
			eventually(t, sessionLimit, "HAProxy listens", func() bool { return isOpen(addr) })
			s.deliver(t, "ann@sender.test", "waits\n", "bob@"+s.domain)
			code, output := s.atrn(t, p, "-s", addr)
			if code != tryLater || !strings.Contains(output, "PROXY header") {
				t.Errorf("atrn exits %d: %s", code, output)
			}
			if left := s.waiting(t); len(left) != 1 {
				t.Errorf("%d messages wait, want 1: %q", len(left), p.lines(t, "vodmr-relay: "))
			}
		})
	}
}

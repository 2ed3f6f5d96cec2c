package integration

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// scaled are the times of the example, a minute of which is a second here, and so is the
// time between two NOOPs.
var scaled = []change{{"client 6m", "client 6s"}, {"server 6m", "server 6s"}, {"tunnel 11m", "tunnel 11s"}, {"inter 2s", "inter 300ms"}}

// With each form of the header, and with TLS that ends at either place, the mail comes, and
// the log has the customer's address and not the balancer's.
func TestHAProxyNamesTheCustomer(t *testing.T) {
	t.Parallel()
	v1 := change{"send-proxy-v2\n", "send-proxy\n"}
	for name, test := range map[string]struct {
		section string
		tls     string // where it ends: at the front, at the balancer or nowhere
		changes []change
	}{
		"version 1":                           {"odmr", "", []change{v1}},
		"version 2":                           {"odmr", "", nil},
		"version 1, TLS goes through":         {"odmr", "front", []change{v1}},
		"version 2, TLS goes through":         {"odmr", "front", nil},
		"version 2, TLS ends at the balancer": {"odmrs", "balancer", nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			chain, changes := proxied(t), test.changes
			if test.tls != "" {
				s.checkpw = []string{program(t, "vodmr-checkpw"), s.vpasswd(t, s.owner)}
				certificate := s.certify(t, s.owner)
				s.trust = []string{"-T", "starttls", "-F", certificate.sha256}
				chain = proxied(t, program(t, "vodmr-tls"), "-s", "-c", certificate.file)
				if test.tls == "balancer" {
					s.trust[1], chain = "tls", proxied(t)
					changes = append(changes, change{"/etc/haproxy/mail.example.net.pem", certificate.file})
				}
			}
			b := newBalanced(t, s, chain)
			b.balance(t, test.section, changes...)
			s.deliverVariety(t)
			inbox := filepath.Join(t.TempDir(), "Maildir")
			b.fetch(t, inbox)
			onceEach(t, s, inbox)
			b.checkAddresses(t, test.tls != "")
		})
	}
}

// checkAddresses fails unless the logins in the fronts' logs have the customer's address,
// and PLAIN as the mechanism if nobody could listen.
func (b *balanced) checkAddresses(t testing.TB, unheard bool) {
	t.Helper()
	logins, mechanism := 0, "CRAM-MD5"
	if unheard {
		mechanism = "PLAIN"
	}
	for _, f := range b.fronts {
		logins += len(f.lines(t, "vodmr: ", " login ", "ip="+b.customer.farAddr, "mechanism="+mechanism))
		if lines := f.lines(t, "vodmr", "ip="+f.nearAddr); len(lines) > 0 {
			t.Errorf("the balancer's address in place of a customer's: %q", lines)
		}
	}
	if logins != 1 {
		t.Errorf("%d logins from %s in the logs, want 1", logins, b.customer.farAddr)
	}
}

// A health check is no line in vodmr's log, and tells that a front is there.
func TestHAProxysChecksAreQuiet(t *testing.T) {
	t.Parallel()
	for _, header := range []change{{"send-proxy-v2\n", "send-proxy\n"}, {"send-proxy-v2\n", "send-proxy-v2\n"}, {" send-proxy-v2\n", "\n"}} {
		chain, changes := proxied(t), append(slices.Clone(scaled), header)
		if strings.TrimSpace(header.new) == "" { // then customers come without a header too
			chain = func(*site, string) {}
			changes = append(changes, change{" send-proxy-v2-ssl\n", "\n"})
		}
		b := newBalanced(t, newSite(t), chain)
		b.balance(t, "odmr", changes...)
		f := b.fronts[0]
		eventually(t, time.Minute, "ten checks", func() bool { return len(f.lines(t, "tcpserver: end ", "status 0")) >= 10 })
		if lines := f.lines(t, "vodmr"); len(lines) > 0 {
			t.Errorf("%q: checks leave lines: %q", header.new, lines)
		}
	}
}

// With the times that INSTALL gives, a standing session lasts; with times as in Debian's example,
// which are shorter than the time between two NOOPs, it is cut.
func TestStandingThroughHAProxy(t *testing.T) {
	t.Parallel()
	t.Run("stands", func(t *testing.T) {
		t.Parallel()
		s := newSite(t).standing("VODMR_NOOP=1")
		b := newBalanced(t, s, proxied(t))
		b.balance(t, "odmr", scaled...)
		inbox := filepath.Join(t.TempDir(), "Maildir")
		b.startStanding(t, inbox)
		f := b.standsAt(t)
		time.Sleep(15 * time.Second) // longer than each of the times
		s.deliver(t, "ann@sender.test", "after a while\n", "bob@"+s.domain)
		eventually(t, time.Minute, "the message is sent", func() bool { return len(s.waiting(t)) == 0 })
		if held := f.lines(t, " stand "); len(held) != 1 || b.standsAt(t) != f {
			t.Errorf("the session was cut: %q", f.lines(t, "vodmr-relay: "))
		}
		onceEach(t, s, inbox)
	})
	t.Run("is cut", func(t *testing.T) {
		t.Parallel()
		s := newSite(t).standing("VODMR_NOOP=4")
		b := newBalanced(t, s, proxied(t))
		b.balance(t, "odmr", change{"client 6m", "client 2s"}, change{"server 6m", "server 2s"}, change{"tunnel 11m", "tunnel 2s"})
		b.startStanding(t, filepath.Join(t.TempDir(), "Maildir"))
		eventually(t, time.Minute, "HAProxy cuts the session", func() bool {
			return len(b.fronts[0].lines(t, "vodmr-relay: ", " end "))+len(b.fronts[1].lines(t, "vodmr-relay: ", " end ")) > 0
		})
	})
}

// Draining: HAProxy sends nobody new there, and SIGTERM ends the standing sessions. The
// customer is back at the other front within ten seconds.
func TestDrainBehindHAProxy(t *testing.T) {
	t.Parallel()
	s := newSite(t).standing()
	b := newBalanced(t, s, proxied(t))
	b.balance(t, "odmr", scaled[3])
	inbox := filepath.Join(t.TempDir(), "Maildir")
	b.startStanding(t, inbox)
	old := b.standsAt(t)
	b.setServer(t, old, "drain")
	begin := time.Now()
	old.drain(t)
	eventually(t, 10*time.Second, "the session stands at the other front", func() bool { return b.standsAt(t) == b.other(old) })
	t.Logf("moved after %v", time.Since(begin).Round(10*time.Millisecond))
	s.deliver(t, "ann@sender.test", "to the other front\n", "bob@"+s.domain)
	eventually(t, time.Minute, "the message is sent", func() bool { return len(s.waiting(t)) == 0 })
	onceEach(t, s, inbox)
	if ends := old.lines(t, "vodmr-relay: ", " end ", "told to end by a signal"); len(ends) != 1 {
		t.Errorf("the drained front says %q", old.lines(t, "vodmr-relay: ", " end "))
	}
}

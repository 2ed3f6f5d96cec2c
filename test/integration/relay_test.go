package integration

import (
	"bufio"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/test/kit/require"
)

// withoutExtensions are Postfix settings for each way that a session may go:
// BDAT, pipelined DATA, and one command at a time.
var withoutExtensions = map[string]string{
	"chunking":   "smtpd_discard_ehlo_keywords =",
	"pipelining": "smtpd_discard_ehlo_keywords = chunking",
	"lock step":  "smtpd_discard_ehlo_keywords = chunking, pipelining",
}

func TestFetchmailIntoPostfix(t *testing.T) {
	t.Parallel()
	for name, setting := range withoutExtensions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			mx := startPostfix(t, s.domain, setting)
			p := s.listen(t)
			s.deliverVariety(t)
			if code, output := s.fetchmail(t, p, mx.port); code != 0 {
				t.Fatalf("fetchmail exits %d: %.4000s", code, output)
			}
			mx.settle(t)
			onceEach(t, s, mx.mailbox())
			s.ended(t)
			code, output := s.fetchmail(t, p, mx.port)
			if code != 0 || !strings.Contains(output, "You have no mail") {
				t.Errorf("with nothing there fetchmail exits %d: %.4000s", code, output)
			}
		})
	}
}

func TestAtrnIntoPostfix(t *testing.T) {
	t.Parallel()
	for name, setting := range withoutExtensions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			mx := startPostfix(t, s.domain, setting)
			p := s.listen(t)
			s.deliverVariety(t)
			s.mustFetch(t, p, "-s", "127.0.0.1:"+mx.port)
			mx.settle(t)
			onceEach(t, s, mx.mailbox())
		})
	}
}

func TestAtrnIntoMaildir(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.listen(t)
	inbox := filepath.Join(t.TempDir(), "Maildir")
	s.deliverVariety(t)
	s.mustFetch(t, p, "-m", inbox)
	onceEach(t, s, inbox)
	if got, want := len(p.lines(t, "vodmr-relay: ", " success ")), len(s.delivered); got != want {
		t.Errorf("the log has %d lines of success, want one a file: %d", got, want)
	}
	if secrets := p.lines(t, s.password); len(secrets) > 0 {
		t.Errorf("the log holds the password: %q", secrets)
	}
	s.ended(t)
	if code, output := s.atrn(t, p, "-m", inbox); code != 0 || !strings.Contains(output, "nothing waits") {
		t.Errorf("with nothing there atrn exits %d: %s", code, output)
	}
}

// A message that atrn -m received has the envelope that it came with: the next
// vodmr-relay sends them again.
func TestRelayedMaildirRelaysAgain(t *testing.T) {
	t.Parallel()
	first := newSite(t)
	first.deliverVariety(t)
	second := newSite(t)
	p := first.listen(t)
	between := filepath.Join(t.TempDir(), "Maildir")
	first.mustFetch(t, p, "-m", between)
	for _, name := range names(t, between+"/new") {
		text := readFile(t, filepath.Join(between, "new", name))
		second.owner.write(t, filepath.Join(second.maildir(), "new", name), text, 0o600)
	}
	inbox := filepath.Join(t.TempDir(), "Maildir")
	p = second.listen(t)
	second.mustFetch(t, p, "-m", inbox)
	second.delivered = first.delivered
	onceEach(t, second, inbox)
}

func TestAtrnIntoProgram(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	mx := startPostfix(t, s.domain)
	p := s.listen(t)
	s.deliverVariety(t)
	s.mustFetch(t, p, mx.sendmail(t)...)
	mx.settle(t)
	onceEach(t, s, mx.mailbox())
}

func TestRelayOverIPv6(t *testing.T) {
	t.Parallel()
	tcpserver := require.ProgramOf(t, "VODMR_TCPSERVER6")
	if !hasIPv6() {
		require.Skip(t, "no ::1 here")
	}
	for _, test := range []struct {
		name string
		args func(t *testing.T, mx *postfix) []string
	}{
		{"maildir", func(t *testing.T, mx *postfix) []string { return nil }},
		{"server", func(t *testing.T, mx *postfix) []string { return []string{"-s", net.JoinHostPort("::1", mx.port)} }},
		{"program", func(t *testing.T, mx *postfix) []string { return mx.sendmail(t) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			p := s.listenOn(t, tcpserver, "::1")
			s.deliverVariety(t)
			if test.name == "maildir" {
				inbox := filepath.Join(t.TempDir(), "Maildir")
				s.mustFetch(t, p, "-m", inbox)
				onceEach(t, s, inbox)
				return
			}
			mx := startPostfix(t, s.domain)
			s.mustFetch(t, p, test.args(t, mx)...)
			mx.settle(t)
			onceEach(t, s, mx.mailbox())
		})
	}
}

// The customer's server takes mail for its own domains only, though the
// connection comes from its own host.
func TestPostfixListenerRelaysForNobody(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	mx := startPostfix(t, "other.example")
	p := s.listen(t)
	s.deliver(t, "ann@sender.test", "for a domain that is not the customer's\n", "bob@"+s.domain)
	if code, output := s.atrn(t, p, "-s", "127.0.0.1:"+mx.port); code != refusedAll {
		t.Errorf("atrn exits %d, want %d: %s", code, refusedAll, output)
	}
	mx.settle(t)
	if lines := p.lines(t, " refusing ", "Relay access denied"); len(lines) != 1 {
		t.Errorf("the log says %q, want that the server refuses everything", lines)
	}
	if got := names(t, mx.mailbox()+"/new"); len(got) > 0 {
		t.Errorf("Postfix delivered %q", got)
	}
	// Without the recipe this host may send anywhere: it is needed.
	if reply := rcptReply(t, mx.openPort, "bob@"+s.domain); !strings.HasPrefix(reply, "250") {
		t.Errorf("Postfix's usual listener: got %q, want 250", reply)
	}
	if reply := rcptReply(t, mx.port, "bob@"+s.domain); !strings.HasPrefix(reply, "554 5.7.1") {
		t.Errorf("the listener for ATRN: got %q, want 554 5.7.1", reply)
	}
	// A server that does not know the domain is set up wrong: nothing bounces for that.
	if bounces := s.bounces(t); len(bounces) > 0 {
		t.Errorf("bounces: got %q, want none", bounces)
	}
	if left := s.waiting(t); len(left) != 1 {
		t.Errorf("the provider's Maildir holds %q, want the message", left)
	}
}

// rcptReply is what a server on 127.0.0.1 answers to RCPT.
func rcptReply(t testing.TB, port, recipient string) string {
	t.Helper()
	conn := dial(t, "127.0.0.1:"+port)
	defer conn.Close()
	c := &turned{conn, bufio.NewReader(conn)}
	c.reply(t)
	c.ask(t, "EHLO provider.test")
	c.ask(t, "MAIL FROM:<ann@sender.test>")
	return c.ask(t, "RCPT TO:<"+recipient+">")
}

// The settings that INSTALL gives a customer are those of the test above.
func TestInstallHasTheListener(t *testing.T) {
	text, err := os.ReadFile("../../INSTALL")
	if errors.Is(err, fs.ErrNotExist) {
		require.Skip(t, "there is no INSTALL yet")
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range postfixListener {
		if !strings.Contains(string(text), line) {
			t.Errorf("INSTALL's recipe for Postfix lacks %q", line)
		}
	}
}

// sendmail is the command of an SMTP server on descriptors 0 and 1. It runs as
// root here, since Postfix lets nobody else choose a configuration; a customer
// runs it as Postfix's user, without which it keeps none of Postfix's rules.
func (p *postfix) sendmail(t testing.TB) []string {
	t.Helper()
	return []string{require.Program(t, "sendmail"), "-C", p.config(), "-bs"}
}

package integration

import (
	"bufio"
	"strings"
	"testing"
	"time"
)

// A standing session is NOOPs for days. With the listener of INSTALL's recipe Postfix
// bears them, and takes mail after them; without it, it hangs up.
func TestPostfixListenerBearsNOOPs(t *testing.T) {
	t.Parallel()
	const limit, errors = 3, 5
	mx := startPostfix(t, "example.org", "smtpd_junk_command_limit = 3", "smtpd_hard_error_limit = 5",
		"smtpd_error_sleep_time = 0")
	open := func(port string) *turned {
		conn := dial(t, "127.0.0.1:"+port)
		t.Cleanup(func() { conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		c := &turned{conn, bufio.NewReader(conn)}
		c.reply(t)
		c.ask(t, "EHLO provider.test")
		return c
	}
	c := open(mx.openPort)
	for range limit + errors {
		if reply := c.ask(t, "NOOP"); !strings.HasPrefix(reply, "250 ") {
			t.Fatalf("Postfix's usual listener hangs up earlier than it should: %q", reply)
		}
	}
	if reply := c.reply(t); !strings.HasPrefix(reply, "421 ") { // nobody asked
		t.Errorf("Postfix's usual listener: got %q", reply)
	}
	c = open(mx.port)
	for range 300 {
		if reply := c.ask(t, "NOOP"); !strings.HasPrefix(reply, "250 ") {
			t.Fatalf("the listener for ATRN: NOOP got %q", reply)
		}
	}
	c.ask(t, "MAIL FROM:<>")
	if reply := c.ask(t, "RCPT TO:<bob@example.org>"); !strings.HasPrefix(reply, "250 ") {
		t.Errorf("the listener for ATRN: RCPT got %q", reply)
	}
}

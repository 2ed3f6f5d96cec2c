package integration

import (
	"bufio"
	"fmt"
	"net"
	"net/textproto"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// hijacked is a provider that somebody has taken over: it knows the login, and says what it
// likes once the connection has turned.
type hijacked struct {
	listener net.Listener
}

func startHijacked(t testing.TB) *hijacked {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return &hijacked{listener: listener}
}

// turned waits for atrn and takes it to the turn.
func (h *hijacked) turned(t testing.TB) *spokenTo {
	t.Helper()
	conn, err := h.listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	c := &spokenTo{t, conn, textproto.NewReader(bufio.NewReader(conn))}
	for _, reply := range []string{"220 mail.provider.test ESMTP", "250-mail.provider.test\r\n250-AUTH CRAM-MD5\r\n250 ATRN",
		"334 PDEuMkBtYWlsLnByb3ZpZGVyLnRlc3Q+", "235 2.7.0 ok", "250 2.0.0 turning"} {
		c.send(reply)
		if reply[:3] != "250" || strings.Contains(reply, "ATRN") {
			if _, err := c.in.ReadLine(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return c
}

// spokenTo is a connection to an SMTP server.
type spokenTo struct {
	t    testing.TB
	conn net.Conn
	in   *textproto.Reader
}

func (c *spokenTo) send(lines ...string) {
	c.t.Helper()
	if _, err := c.conn.Write([]byte(strings.Join(lines, "\r\n") + "\r\n")); err != nil {
		c.t.Fatal(err)
	}
}

// reply reads a reply, its lines joined by \n.
func (c *spokenTo) reply() string {
	c.t.Helper()
	code, text, err := c.in.ReadResponse(0)
	if _, refused := err.(*textproto.Error); err != nil && !refused {
		c.t.Fatal(err)
	}
	return fmt.Sprint(code, " ", text)
}

// want sends a command and checks how the reply begins.
func (c *spokenTo) want(command, reply string) {
	c.t.Helper()
	c.send(command)
	if got := c.reply(); !strings.HasPrefix(got, reply) {
		c.t.Errorf("%s: %q, want %q", command, got, reply)
	}
}

// TestGuardsPostfix: a Postfix that trusts this host with XCLIENT, VRFY, ETRN and relaying
// stands behind atrn. Its client is a provider that was taken over. None of these gets
// through, and mail does.
func TestGuardsPostfix(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	mx := startPostfix(t, s.domain, "smtpd_authorized_xclient_hosts = 127.0.0.0/8", "smtpd_authorized_xforward_hosts = 127.0.0.0/8",
		"fast_flush_domains = "+s.domain, "smtpd_forbid_bare_newline = no", "relayhost = [127.0.0.1]:1")
	trustsThisHost(t, mx, s.domain)
	h := startHijacked(t)
	_, port, _ := net.SplitHostPort(h.listener.Addr().String())
	passfile := filepath.Join(s.dir, "password")
	command := exec.Command(program(t, "atrn"), "-u", s.login, "-p", passfile, "-T", "none", "-d", s.domain,
		"-s", "127.0.0.1:"+mx.openPort, "127.0.0.1:"+port)
	type ended struct {
		code   int
		output string
	}
	done := make(chan ended, 1)
	go func() { code, output := run(t, sessionLimit, command); done <- ended{code, output} }()
	c := h.turned(t)
	c.checkHello()
	c.tryCommands(s.domain)
	c.sendMail(s.domain)
	c.conn.Close()
	if e := <-done; e.code != 0 || !strings.Contains(e.output, "fetched 2") || !strings.Contains(e.output, `the provider said "XCLIENT", which is not passed on`) {
		t.Errorf("atrn exits %d: %s", e.code, e.output)
	}
	mx.settle(t)
	if got := names(t, filepath.Join(mx.mailbox(), "new")); len(got) != 2 {
		t.Errorf("delivered %v", got)
	}
	if log := readFile(t, mx.log()); strings.Contains(log, "elsewhere.test") && strings.Contains(log, "to=<victim") {
		t.Error("mail for elsewhere was taken")
	}
}

// trustsThisHost checks that a Postfix does all that a guard must keep from it: otherwise
// the test would show nothing.
func trustsThisHost(t *testing.T, mx *postfix, domain string) {
	t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+mx.openPort)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &spokenTo{t, conn, textproto.NewReader(bufio.NewReader(conn))}
	c.reply()
	c.want("EHLO host", "250 ")
	c.want("VRFY ann@"+domain, "252 ")
	c.want("ETRN "+domain, "250 ")
	c.want("XFORWARD ADDR=192.0.2.1", "250 ")
	c.want("MAIL FROM:<ann@sender.test>", "250 ")
	c.want("RCPT TO:<victim@elsewhere.test>", "250 ")
	c.want("RSET", "250 ")
	c.want("XCLIENT ADDR=192.0.2.1", "220 ")
}

const notPassedOn = "502 5.5.1 a provider has no need of that here"

func (c *spokenTo) checkHello() {
	c.t.Helper()
	if got := c.reply(); !strings.HasPrefix(got, "220 ") {
		c.t.Fatalf("greeting %q", got)
	}
	c.send("EHLO mail.provider.test")
	hello := c.reply()
	for _, keyword := range []string{"XCLIENT", "XFORWARD", "VRFY", "ETRN", "AUTH", "STARTTLS"} {
		if strings.Contains(hello, keyword) {
			c.t.Errorf("EHLO shows %s: %q", keyword, hello)
		}
	}
	for _, keyword := range []string{"PIPELINING", "CHUNKING", "8BITMIME", "SIZE", "DSN", "SMTPUTF8"} {
		if !strings.Contains(hello, keyword) {
			c.t.Errorf("EHLO hides %s: %q", keyword, hello)
		}
	}
}

func (c *spokenTo) tryCommands(domain string) {
	c.t.Helper()
	for _, command := range []string{"XCLIENT ADDR=127.0.0.1 LOGIN=root", "XFORWARD ADDR=192.0.2.1", "AUTH PLAIN AGEAYg==", "VRFY ann@" + domain,
		"EXPN staff", "ETRN " + domain, "STARTTLS"} {
		c.want(command, notPassedOn)
	}
	c.want("MAIL FROM:<ann@sender.test>", "250 ")
	c.want("RCPT TO:<victim@elsewhere.test>", "550 5.7.1 that domain is not one of ours")
	c.want("RCPT TO:<victim%elsewhere.test@"+domain+">", "550 5.7.1 that domain is not one of ours")
	c.want("RCPT TO:<@elsewhere.test:bob@"+domain+">", "550 5.7.1 that domain is not one of ours")
	c.want("DATA", "554 ")
	c.want("RSET", "250 ")
}

// sendMail sends two messages with commands in and behind them.
func (c *spokenTo) sendMail(domain string) {
	c.t.Helper()
	// In one packet: what stands behind content is read as commands, and in order.
	c.send("MAIL FROM:<ann@sender.test>", "RCPT TO:<bob@"+domain+">", "BDAT 29 LAST", "Subject: one\r\n\r\nXCLIENT x=y\r\nXCLIENT ADDR=192.0.2.1",
		"MAIL FROM:<ann@sender.test>", "RCPT TO:<bob@"+domain+">", "DATA")
	for _, want := range []string{"250 ", "250 ", "250 ", notPassedOn, "250 ", "250 ", "354 "} {
		if got := c.reply(); !strings.HasPrefix(got, want) {
			c.t.Errorf("got %q, want %q", got, want)
		}
	}
	c.send("Subject: two", "", "text\n.\nXCLIENT ADDR=192.0.2.1", ".", "XCLIENT ADDR=192.0.2.1", "QUIT")
	for _, want := range []string{"250 ", notPassedOn, "221 "} {
		if got := c.reply(); !strings.HasPrefix(got, want) {
			c.t.Errorf("got %q, want %q", got, want)
		}
	}
}

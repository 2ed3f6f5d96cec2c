package fetch

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/dialogue"
)

// none is a Sink for sessions that are not to turn.
type none struct{ t *testing.T }

func (n none) Open(context.Context) (Receiver, error) { return n, nil }
func (n none) Close()                                 {}
func (n none) Receive(context.Context, *Turned, *Tally) error {
	n.t.Error("the connection turned")
	return nil
}

const quitting = `
		A: QUIT
		P: 221 bye
		A: <end>
`

func TestRefusalsBeforeATRN(t *testing.T) {
	const ehlo = `
		P: 220 mail.example.net
		A: EHLO customer.example
		P: 250-mail.example.net
		P: 250 AUTH CRAM-MD5
		A: AUTH CRAM-MD5
`
	answer := ehlo + `
		P: 334 PDEuMkBtYWlsLmV4YW1wbGUubmV0Pg==
		A: ` + rightAnswer() + `
`
	for _, test := range []struct {
		name, script string
		exit         int
		text         string
	}{
		{"silent", "\t\tP: <end>\n", ExitLater, "*hung up before the greeting (*wants -T tls); if it is a balancer * no server is left behind it*"},
		{"half a greeting", "\t\tP: 220-mail\n\t\tP: <end>\n", ExitLater, "*hung up before the greeting (*wants -T tls)"},
		{"unread PROXY header", `
		P: 220 mail.example.net
		A: EHLO customer.example
		P: 554 5.5.0 a balancer sends a PROXY header here, and vodmr-proxy is missing
`, ExitLater, "the provider's balancer sends a PROXY header *"},
		{"PROXY header to a server that knows none", `
		P: 220 mail.example.net
		A: EHLO customer.example
		P: 500 5.5.1 unknown command
		P: 250 mail.example.net
`, ExitLater, "the provider's balancer sends a PROXY header *"},
		{"unread PROXY header of version 2", `
		P: 220 mail.example.net
		A: EHLO customer.example
		P: 221 2.0.0 Bye
`, ExitLater, "the provider's balancer sends a PROXY header *"},
		{"not SMTP", "\t\tP: HTTP/1.1 400 Bad Request\n\t\tA: <end>\n", ExitLater, "*no ODMR provider*"},
		{"421 greeting", "\t\tP: 421 4.3.2 full\n\t\tA: <end>\n", ExitLater, "*try again later: 421 4.3.2 full"},
		{"554 greeting", "\t\tP: 554 not here\n", ExitLater, "*takes no session now*554 not here"},
		{"HELO only", `
		P: 220 old
		A: EHLO customer.example
		P: 500 what
`, ExitLater, "*refused EHLO*"},
		{"no CRAM-MD5", `
		P: 220 mail.example.net
		A: EHLO customer.example
		P: 250-mail.example.net
		P: 250-CRAM-MD5 AUTH
		P: 250 AUTH PLAIN LOGIN
`, ExitLater, "the provider offers no CRAM-MD5*"},
		{"504", ehlo + "\t\tP: 504 5.5.4 no such mechanism\n", ExitLater, "*kind of login*504 5.5.4*"},
		{"538", ehlo + "\t\tP: 538 5.7.11 encrypt\n", ExitLogin, "*only under encryption*"},
		{"454", ehlo + "\t\tP: 454 4.7.0 no\n", ExitLater, "*cannot check logins now*"},
		{"damaged challenge", ehlo + `
		P: 334 ***
		A: *
		P: 501 cancelled
`, ExitLater, "*challenge is damaged*"},
		{"535", answer + "\t\tP: 535 5.7.8 wrong\n", ExitLogin, "*refused the login odmr@example.org*535 5.7.8 wrong"},
		{"530", answer + "\t\tP: 530 5.7.0 no\n", ExitLogin, "*"},
		{"454 after the answer", answer + "\t\tP: 454 4.7.0 no\n", ExitLater, "*"},
		{"421 after the answer", answer + "\t\tP: 421 4.7.0 three\n\t\tA: <end>\n", ExitLater, "*three"},
		{"hung up", answer + "\t\tP: <end>\n", ExitLater, "*hung up before the reply to the login"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := start(t, Session{Sink: none{t}})
			v.play(test.script)
			if !strings.HasSuffix(test.script, "<end>\n") {
				v.play(quitting)
			}
			v.end(test.exit, test.text)
		})
	}
}

func TestRepliesToATRN(t *testing.T) {
	for _, test := range []struct {
		reply string
		exit  int
		text  string
	}{
		{"453 4.2.0 nothing waits", ExitFetched, ""},
		{"450 4.7.1 not yours: other.example", ExitDomain, "*refused a domain*other.example"},
		{"450 4.7.1 asked again Too Soon", ExitLater, "*wait longer*"},
		{"451 4.3.0 locked", ExitLater, "*451 4.3.0 locked"},
		{"454 4.7.0 no", ExitLater, "*"},
		{"554 no", ExitLater, "*"},
		{"530 5.7.0 log in", ExitLogin, "*"},
		{"535 5.7.8 no", ExitLogin, "*"},
		{"538 5.7.11 encrypt", ExitLogin, "*"},
		{"501 5.5.4 bad list", ExitMisuse, "*check -d*"},
		{"502 5.5.1 what", ExitMisuse, "*does not know ATRN*"},
	} {
		t.Run(test.reply, func(t *testing.T) {
			v := start(t, Session{Sink: none{t}, Domains: []string{"a.example", "b.example"}})
			v.logIn()
			v.play("\t\tA: ATRN a.example,b.example\n\t\tP: " + test.reply + "\n" + quitting)
			v.end(test.exit, test.text)
			if v.tally.Now().Turned() {
				t.Error("counted as turned")
			}
		})
	}
}

func Test421ToATRN(t *testing.T) {
	v := start(t, Session{Sink: none{t}})
	v.logIn()
	v.play(`
		A: ATRN
		P: 421 4.7.0 closing
		A: <end>
	`)
	v.end(ExitLater, "*421 4.7.0 closing")
}

// TestHintWithoutDomains: nobody who gave no -d is told to look at it.
func TestHintWithoutDomains(t *testing.T) {
	for _, test := range []struct {
		reply string
		exit  int
		text  string
	}{
		{"450 4.7.1 this login may not have the mail of any domain", ExitDomain, "the provider refused a domain of this login, or knows of none: ask the provider's administrator: 450*any domain"},
		{"501 5.5.4 name a domain", ExitMisuse, "*by name: give -d*"},
	} {
		v := start(t, Session{Sink: none{t}})
		v.logIn()
		v.play("\t\tA: ATRN\n\t\tP: " + test.reply + "\n" + quitting)
		v.end(test.exit, test.text)
	}
}

// TestOldAndStrangeEHLO: what an old provider's EHLO offers is found.
func TestOldAndStrangeEHLO(t *testing.T) {
	for _, ehlo := range []string{
		"250-mail.example.net\n250-AUTH=CRAM-MD5 LOGIN\n250 ATRN",
		"250-mail.example.net\n250-AUTH=LOGIN\n250-AUTH CRAM-MD5\n250 ATRN",
		"250-mail.example.net\n250-AUTH LOGIN =CRAM-MD5\n250 ATRN",
		"250-mail.example.net\n250-AUTH LOGIN,CRAM-MD5\n250 ATRN",
		"250-mail.example.net\n250-auth\tlogin\tcram-md5 \n250 ATRN",
		"250-mail.example.net\n250-AUTH: CRAM-MD5\n250 ATRN",
		"250-mail.example.net\n250 AUTH = CRAM-MD5",
		"250-AUTH CRAM-MD5\n250 ATRN",
		"250 AUTH=CRAM-MD5",
	} {
		v := start(t, Session{Sink: none{t}})
		v.play("\t\tP: 220 p\n\t\tA: EHLO customer.example\n")
		v.Send(strings.ReplaceAll(ehlo, "\n", "\r\n") + "\r\n")
		v.Expect("AUTH CRAM-MD5")
		v.play("\t\tP: 421 that is enough\n\t\tA: <end>\n")
		v.end(ExitLater, "*that is enough")
	}
}

func TestNoDomainsNoArgument(t *testing.T) {
	v := start(t, Session{Sink: none{t}})
	v.logIn()
	v.play(`
		A: ATRN
		P: 453 4.2.0 nothing
	` + quitting)
	v.end(ExitFetched, "")
}

// If options are refused here, the provider must not be asked.
func TestSinkFirst(t *testing.T) {
	s := Session{Provider: never{t}, Sink: Program{Args: []string{"/no/such/program"}}}
	if err := s.Run(context.Background(), &Tally{}); ExitCode(err) != ExitMisuse {
		t.Errorf("got %v", err)
	}
}

// never is a provider that must not be asked.
type never struct{ t *testing.T }

func (n never) String() string { return "never" }
func (n never) Connect(context.Context) (net.Conn, error) {
	n.t.Error("asked the provider")
	return nil, errors.New("asked")
}

func TestStopDuringLogin(t *testing.T) {
	v := start(t, Session{Sink: none{t}})
	v.Send("220 mail.example.net\r\n")
	v.Expect("EHLO *")
	v.stop()
	v.ExpectEnd()
	v.end(ExitLater, "*cut short*")
}

func TestProviderConnects(t *testing.T) {
	for _, listening := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(listening, func(t *testing.T) {
			l := listen(t, listening)
			address, err := ParseAddress(l.Addr().String(), PortODMR)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := TCP{address}.Connect(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			for _, option := range [][2]int{
				{unix.SOL_SOCKET, unix.SO_KEEPALIVE},
				{unix.IPPROTO_TCP, unix.TCP_NODELAY},
			} {
				if value(t, conn, option[0], option[1]) == 0 {
					t.Errorf("option %v is not set", option)
				}
			}
		})
	}
}

// value reads a socket option.
func value(t *testing.T, conn net.Conn, level, option int) (n int) {
	t.Helper()
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { n, failed = unix.GetsockoptInt(int(fd), level, option) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	return n
}

// A signal that comes at the turn ends the session too.
func TestStoppedAtTheTurn(t *testing.T) {
	for _, sink := range []Sink{shell("cat"), Maildir{Dir: t.TempDir(), Host: "mx"}} {
		ctx, stop := context.WithCancel(context.Background())
		receiver, err := sink.Open(ctx)
		if err != nil {
			t.Fatal(err)
		}
		stop()
		_, far := tcpPair(t, "127.0.0.1:0")
		if err := receiver.Receive(ctx, &Turned{Conn: far}, &Tally{}); !errors.Is(err, ErrStopped) {
			t.Errorf("%T: got %v", sink, err)
		}
		receiver.Close()
	}
}

func TestConnectNamesEachAddress(t *testing.T) {
	_, err := TCP{Address{"127.0.0.1", strconv.Itoa(dialogue.NobodysPort(t))}}.Connect(context.Background())
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1: ") || ExitCode(err) != ExitLater {
		t.Errorf("got %v", err)
	}
	two := joined(errors.New("192.0.2.1: refused"), errors.New("2001:db8::1: timed out"))
	if two.Error() != "192.0.2.1: refused; 2001:db8::1: timed out" {
		t.Errorf("got %v", two)
	}
}

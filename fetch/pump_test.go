package fetch

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/dialogue"
)

// shell is a Program that runs a shell script.
func shell(script string, environ ...string) Program {
	return Program{Args: []string{"sh", "-c", script}, Environ: append(environ, "PATH=/usr/bin:/bin")}
}

const showEnv = `printf '220 %s\r\n' "$PROTO,$TCPREMOTEIP,$TCPREMOTEPORT,$TCPLOCALIP,$TCPLOCALPORT,` +
	`${TCPREMOTEHOST-unset},${TCPREMOTEINFO-unset},${RELAYCLIENT-unset},$DATABYTES"; read quit; printf '221 bye\r\n'`

func TestProgramEnvironment(t *testing.T) {
	for _, listening := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(listening, func(t *testing.T) {
			near, far := tcpPair(t, listening)
			sink := shell(showEnv, "RELAYCLIENT=", "TCPREMOTEHOST=other", "TCPREMOTEINFO=x", "TCPREMOTEIP=9", "DATABYTES=5")
			v := begin(t, Session{Sink: sink, Provider: given{far}}, near)
			v.turn()
			remote, local := far.RemoteAddr().(*net.TCPAddr), far.LocalAddr().(*net.TCPAddr)
			want := strings.Join([]string{"220 TCP", remote.IP.String(), portOf(remote), local.IP.String(), portOf(local),
				"unset", "unset", "unset", "5"}, ",")
			if got := v.Expect("220 *"); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			v.Send("QUIT\r\n")
			v.Expect("221 bye")
			v.ExpectEnd()
			v.CloseWrite()
			v.end(ExitFetched, "")
		})
	}
}

func portOf(a *net.TCPAddr) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}

func TestProgramOutcomes(t *testing.T) {
	for _, test := range []struct {
		name, script, send, expect string
		exit                       int
		text                       string
	}{
		{"well", "echo 220 x; read q; echo 221 y", "QUIT\r\n", "220 x\n221 y\n", ExitFetched, ""},
		{"exit 3", "echo 220 x; read q; exit 3", "QUIT\r\n", "220 x\n", ExitLater, "sh failed: exit status 3"},
		{"killed", "echo 220 x; read q; kill -9 $$", "QUIT\r\n", "220 x\n", ExitLater, "sh failed: signal: killed"},
		{"before QUIT", "echo 220 x; read q", "NOOP\r\n", "220 x\n", ExitLater, "*hung up before*"},
		{"at once", "exit 0", "", "", ExitLater, "*hung up before*"},
		{"provider leaves", "echo 220 x; cat; echo 421 late", "NOOP\r\n", "220 x\nNOOP\r\n421 late\n", ExitLater, "*provider hung up*"},
	} {
		t.Run(test.name, func(t *testing.T) {
			near, far := tcpPair(t, "127.0.0.1:0")
			v := begin(t, Session{Sink: shell(test.script), Provider: given{far}}, near)
			v.logIn()
			v.Expect("ATRN")
			v.Send("250 turning\r\n" + test.send) // its first bytes come early
			v.CloseWrite()
			_ = near.SetReadDeadline(time.Now().Add(time.Minute))
			got, err := io.ReadAll(near)
			if err != nil || string(got) != test.expect {
				t.Errorf("got %q, %v; want %q", got, err, test.expect)
			}
			v.end(test.exit, test.text)
		})
	}
}

// Both directions at once, more than any buffer holds.
func TestProgramLosesNothing(t *testing.T) {
	near, far := tcpPair(t, "127.0.0.1:0")
	v := begin(t, Session{Sink: shell("exec cat"), Provider: given{far}}, near)
	v.turn()
	sent := bytes.Repeat([]byte("NOOP 0123456789 0123456789\r\n"), 200000)
	sent = append(sent, "QUIT\r\n"...)
	go func() {
		_, _ = near.Write(sent)
		_ = closeWrite(near)
	}()
	_ = near.SetReadDeadline(time.Now().Add(time.Minute))
	got, err := io.ReadAll(near)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("sent %d bytes, got %d, %v", len(sent), len(got), err)
	}
	v.end(ExitFetched, "")
}

// A program is guarded as a server is.
func TestProgramIsGuarded(t *testing.T) {
	prog := shell(`printf '220 x\r\n'; while read a; do printf '250 %s\r\n' "$a"; done`)
	prog.Guard = Guard{Domains: []string{"example.org"}}
	v := start(t, Session{Sink: prog})
	v.turn()
	v.Run("S: 220 x\nC: VRFY root\nS: 502 5.5.1 *\nC: RCPT TO:<a@other.example>\nS: 550 5.7.1 *\nC: NOOP 1\nS: 250 NOOP 1*")
	v.CloseWrite()
	v.end(ExitLater, "*provider hung up*")
}

// When atrn is stopped the program gets an end of file, and what it still has
// to say reaches the provider.
func TestProgramStopped(t *testing.T) {
	near, far := tcpPair(t, "127.0.0.1:0")
	v := begin(t, Session{Sink: shell(`printf '220 x\r\n'; cat >/dev/null; printf '421 stopping\r\n'`), Provider: given{far}}, near)
	v.turn()
	v.Expect("220 x")
	v.stop()
	v.Expect("421 stopping")
	v.ExpectEnd()
	v.end(ExitLater, "*cut short*")
}

// forward starts a session into an SMTP server that the test plays too. call is the
// connection that comes once the provider has turned its own.
func forward(t *testing.T) (provider *visit, call func() *dialogue.Conn) {
	t.Helper()
	l := listen(t, "127.0.0.1:0")
	address, err := ParseAddress(l.Addr().String(), PortSMTP)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, Session{Sink: Forward{Address: address}}), func() *dialogue.Conn {
		t.Helper()
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return dialogue.New(t, conn)
	}
}

// An exchange is a command that passes through, and the reply, "" for none yet.
type exchange struct{ command, reply string }

// pass plays exchanges.
func pass(provider *visit, server *dialogue.Conn, exchanges ...exchange) {
	provider.t.Helper()
	for _, e := range exchanges {
		provider.Run("C: " + e.command)
		server.Run("S: " + e.command)
		if e.reply != "" {
			server.Run("C: " + e.reply)
			provider.Run("S: " + e.reply)
		}
	}
}

// forwarded starts a session, with the server's greeting.
func forwarded(t *testing.T) (provider *visit, server *dialogue.Conn) {
	t.Helper()
	provider, call := forward(t)
	provider.turn()
	server = call()
	server.Run("C: 220 mx\n")
	provider.Run("S: 220 mx\n")
	return provider, server
}

// leave ends a session after QUIT was answered.
func leave(provider *visit, server *dialogue.Conn) {
	provider.t.Helper()
	server.Run("C: <end>")
	provider.Run("S: <end>")
	provider.CloseWrite()
	server.Run("S: <end>")
}

func TestForward(t *testing.T) {
	provider, server := forwarded(t)
	pass(provider, server,
		exchange{"EHLO p", "250 mx"},
		exchange{"MAIL FROM:<>", "250 ok"},
		exchange{"RCPT TO:<a@b.example>", "250 ok"},
		exchange{"DATA", "354 go"},
		exchange{"QUIT", ""},
		exchange{".", "250 ok"},
		exchange{"MAIL FROM:<>", "250 ok"},
		exchange{"RCPT TO:<b@b.example>", "550 no"},
		exchange{"DATA", "554 no"},
		exchange{"QUIT", "221 bye"},
	)
	leave(provider, server)
	provider.end(ExitFetched, "")
	provider.counted(1, int64(len("QUIT\r\n.\r\n")))
	provider.refused(1, "550 no")
}

func TestForwardServerGone(t *testing.T) {
	provider, call := forward(t)
	provider.turn()
	server := call()
	server.Run("C: 421 full\nC: <end>")
	provider.Run("S: 421 full\nS: <end>\nC: <end>")
	provider.end(ExitLater, "*receiving side hung up*: 421 full")
}

// TestServerIsCalledAfterTheTurn: a provider may think about ATRN for longer than the
// server waits for a command, and if nothing waits the server is not called at all.
func TestServerIsCalledAfterTheTurn(t *testing.T) {
	l := listen(t, "127.0.0.1:0").(*net.TCPListener)
	address, err := ParseAddress(l.Addr().String(), PortSMTP)
	if err != nil {
		t.Fatal(err)
	}
	v := start(t, Session{Sink: Forward{Address: address}})
	v.logIn()
	v.play(`
		A: ATRN
		P: 453 nothing
	` + quitting)
	v.end(ExitFetched, "")
	_ = l.SetDeadline(time.Now())
	if conn, err := l.Accept(); err == nil {
		conn.Close()
		t.Error("the server was called though nothing came")
	}
}

// TestServerThatCannotBeHad: the provider hears it in order, and keeps the mail.
func TestServerThatCannotBeHad(t *testing.T) {
	address := Address{"127.0.0.1", strconv.Itoa(dialogue.NobodysPort(t))}
	bad := filepath.Join(t.TempDir(), "prog")
	if err := os.WriteFile(bad, []byte("#!/nonexistent/interpreter\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for text, sink := range map[string]Sink{
		"cannot connect to the SMTP server *: connection refused": Forward{Address: address},
		"cannot run *no such file*":                               Program{Args: []string{bad}},
	} {
		v := start(t, Session{Sink: sink})
		v.turn()
		v.Expect("421 4.3.2 *")
		v.ExpectEnd()
		v.CloseWrite()
		v.end(ExitLater, text)
	}
}

// scripted is a provider as a shell command.
func scripted(after string) Command {
	challenge := "PDEuMkBtYWlsLmV4YW1wbGUubmV0Pg=="
	return Command{`say() { printf '%s\r\n' "$@"; }; say '220 p'; read a; say '250-p' '250 AUTH CRAM-MD5'; read a
		say '334 ` + challenge + `'; read a; case $a in ` + rightAnswer() + `*) say '235 ok';; *) say '535 no';; esac; read a; ` + after}
}

func TestCommand(t *testing.T) {
	for _, test := range []struct {
		name, after string
		exit        int
		text        string
		messages    int64
	}{
		{"one message", `say '250 go' 'HELO p' 'MAIL FROM:<>' 'RCPT TO:<a@b.example>' 'BDAT 3 LAST' x QUIT; cat >/dev/null`, ExitFetched, "", 1},
		{"nothing", `say '453 none'; read a`, ExitFetched, "", 0},
		{"fails", `exit 7`, ExitLater, "*hung up before the reply to ATRN (the command ended with exit status 7)", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			s := Session{Provider: scripted(test.after), TLS: TLS{Mode: NoTLS}, Login: testLogin, Timings: DefaultTimings(), Sink: Maildir{Dir: dir, Host: "mx"}}
			tally := &Tally{}
			err := s.Run(context.Background(), tally)
			text := ""
			if err != nil {
				text = err.Error()
			}
			if ExitCode(err) != test.exit || !dialogue.Match(test.text, text) {
				t.Errorf("got %d, %q", ExitCode(err), text)
			}
			if got := delivered(t, dir); int64(len(got)) != test.messages || tally.Now().Messages != test.messages {
				t.Errorf("delivered %q", got)
			}
		})
	}
}

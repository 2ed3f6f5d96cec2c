package fetch

import (
	"context"
	"encoding/base64"
	"net"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/dialogue"
)

var testLogin = Login{"odmr@example.org", "secret"}

const testChallenge = "<1.2@mail.example.net>"

// given is a provider with a connection that exists already.
type given struct{ conn net.Conn }

func (g given) Connect(context.Context) (net.Conn, error) { return g.conn, nil }
func (g given) String() string                            { return "mail.example.net" }

// A visit is a session that runs while the test plays the provider.
type visit struct {
	*dialogue.Conn
	t      *testing.T
	tally  *Tally
	result chan error
	stop   context.CancelFunc
}

// start runs a session with the test as its provider.
func start(t *testing.T, s Session) *visit {
	t.Helper()
	near, far := tcpPair(t, "127.0.0.1:0")
	s.Provider = given{far}
	return begin(t, s, near)
}

// begin runs a session; near is the provider's end of its connection.
func begin(t *testing.T, s Session, near net.Conn) *visit {
	if s.Login == (Login{}) {
		s.Login = testLogin
	}
	s.Timings = DefaultTimings()
	if s.TLS == (TLS{}) {
		s.TLS.Mode = NoTLS
	}
	if s.Host == "" {
		s.Host = "customer.example"
	}
	ctx, stop := context.WithCancel(context.Background())
	v := &visit{dialogue.New(t, near), t, &Tally{}, make(chan error, 1), stop}
	t.Cleanup(stop)
	go func() { v.result <- s.Run(ctx, v.tally) }()
	return v
}

// play runs a script in which P is the provider and A is atrn.
func (v *visit) play(script string) {
	v.t.Helper()
	script = strings.ReplaceAll("\n"+script, "\n\t\tP: ", "\n\t\tC: ")
	v.Run(strings.ReplaceAll(script, "\n\t\tA: ", "\n\t\tS: "))
}

// logIn plays the session up to the command ATRN, which is left to read.
func (v *visit) logIn() {
	v.t.Helper()
	v.play(`
		P: 220 mail.example.net ESMTP
		A: EHLO customer.example
		P: 250-mail.example.net
		P: 250-ENHANCEDSTATUSCODES
		P: 250-AUTH LOGIN CRAM-MD5
		P: 250 ATRN
		A: AUTH CRAM-MD5
		P: 334 ` + base64.StdEncoding.EncodeToString([]byte(testChallenge)) + `
		A: ` + rightAnswer() + `
		P: 235 2.7.0 ok
	`)
}

func rightAnswer() string {
	answer := testLogin.User + " " + dialogue.CRAM(testLogin.Password, testChallenge)
	return base64.StdEncoding.EncodeToString([]byte(answer))
}

// turn plays the session up to the turn.
func (v *visit) turn() {
	v.t.Helper()
	v.logIn()
	v.Expect("ATRN*")
	v.Send("250 2.0.0 turning\r\n")
}

// end waits for the session's end and checks its exit code and text.
func (v *visit) end(exit int, pattern string) {
	v.t.Helper()
	select {
	case err := <-v.result:
		text := ""
		if err != nil {
			text = err.Error()
		}
		if ExitCode(err) != exit || !dialogue.Match(pattern, text) {
			v.t.Fatalf("exit %d, %q; want %d, %q", ExitCode(err), text, exit, pattern)
		}
	case <-time.After(time.Minute):
		v.t.Fatal("the session does not end")
	}
}

// counted checks the tally.
func (v *visit) counted(messages, bytes int64) {
	v.t.Helper()
	if v.tally.Now().Messages != messages || v.tally.Now().Bytes != bytes {
		v.t.Errorf("counted %d messages, %d bytes; want %d, %d",
			v.tally.Now().Messages, v.tally.Now().Bytes, messages, bytes)
	}
}

// refused checks the tally's refusals.
func (v *visit) refused(count int64, pattern string) {
	v.t.Helper()
	c := v.tally.Now()
	if c.Refused != count || !dialogue.Match(pattern, c.Reason) {
		v.t.Errorf("refused %d, %q; want %d, %q", c.Refused, c.Reason, count, pattern)
	}
}

// tcpPair makes a connection: the end that accepted, and the one that dialled.
func tcpPair(t testing.TB, address string) (near, far net.Conn) {
	t.Helper()
	l := listen(t, address)
	far, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if near, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

func listen(t testing.TB, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil && strings.HasPrefix(address, "[::1]") {
		t.Skip("no IPv6 here: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// files returns what a folder holds, in the order of the names.
func files(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}

// delivered returns the messages of a Maildir without their Received lines,
// sorted, and checks that nothing is left in tmp.
func delivered(t testing.TB, dir string) []string {
	t.Helper()
	if left := files(t, filepath.Join(dir, "tmp")); len(left) > 0 {
		t.Errorf("left in tmp: %q", left)
	}
	texts := files(t, filepath.Join(dir, "new"))
	for i, text := range texts {
		texts[i] = withoutReceived(t, text)
	}
	sort.Strings(texts)
	return texts
}

// withoutReceived cuts the third header line and its continuation.
func withoutReceived(t testing.TB, text string) string {
	t.Helper()
	lines := strings.SplitAfterN(text, "\n", 5)
	if len(lines) != 5 || !strings.HasPrefix(lines[2], "Received: from ") || !strings.HasPrefix(lines[3], "\tby ") {
		t.Errorf("no Received after Return-Path and Delivered-To in %q", text)
		return text
	}
	return lines[0] + lines[1] + lines[4]
}

package auth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vodmr/internal/fdio"
	"vodmr/internal/logline"
	"vodmr/test/kit/dialogue"
)

// A talk is a session in this process, with a checkpassword program that the
// test plays.
type talk struct {
	*dialogue.Conn
	t       *testing.T
	session *Session
	verdict func(Credentials) error
	slept   []time.Duration
	during  func() // what happens while the session sleeps
	log     *os.File
	far     *os.File
	started bool
	done    chan struct{}
}

var errBusy = errors.New("the database is busy")

// newTalk prepares a session; start runs it.
func newTalk(t *testing.T) *talk {
	t.Helper()
	k := &talk{t: t, during: func() {}, done: make(chan struct{})}
	k.verdict = func(Credentials) error { return ErrRefused }
	conn, far := dialogue.Pair(t)
	k.Conn = conn
	stream := fdio.New(int(far.Fd()), int(far.Fd()))
	k.session = NewSession("mail.example.net", stream)
	k.session.Limit = time.Minute
	k.session.Check = func(c Credentials, _ time.Time) error { return k.verdict(c) }
	k.session.sleep = func(d time.Duration) {
		k.slept = append(k.slept, d)
		k.during()
	}
	var err error
	if k.log, err = os.Create(filepath.Join(t.TempDir(), "log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.log.Close() })
	k.session.Log = logline.New(int(k.log.Fd()), "vodmr", "4711")
	k.session.IP = "192.0.2.1"
	k.far = far
	t.Cleanup(k.finish)
	return k
}

// finish ends the session before its descriptor is closed: the number may be
// another test's in a moment.
func (k *talk) finish() {
	k.Close()
	if k.started {
		<-k.done
	}
}

// start runs the session and reads its greeting; from here on only the session
// touches its fields.
func (k *talk) start() {
	k.t.Helper()
	k.started = true
	go func() {
		defer close(k.done)
		defer k.far.Close()
		k.session.Serve()
	}()
	k.Run("S: 220 mail.example.net *")
}

// logged waits for the session's end and compares its log with patterns.
func (k *talk) logged(patterns ...string) {
	k.t.Helper()
	<-k.done
	matchLog(k.t, k.log.Name(), patterns...)
}

func matchLog(t *testing.T, file string, patterns ...string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	matchLines(t, string(text), patterns...)
}

func matchLines(t *testing.T, text string, patterns ...string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	ok := len(lines) == len(patterns)
	for i := 0; ok && i < len(lines); i++ {
		ok = dialogue.Match(patterns[i], lines[i])
	}
	if !ok {
		t.Errorf("log:\n%s\nwant:\n%s", text, strings.Join(patterns, "\n"))
	}
}

func TestCommandsBeforeLogin(t *testing.T) {
	k := newTalk(t)
	k.start()
	k.Run(`
		C: EHLO
		S: 501 5.5.4 *
		C: EHLO customer.example
		S: 250-mail.example.net
		S: 250-ENHANCEDSTATUSCODES
		S: 250-AUTH CRAM-MD5
		S: 250 ATRN
		C: helo customer.example
		S: 250 mail.example.net
		C: NOOP
		S: 250 2.0.0 *
		C: RSET
		S: 250 2.0.0 *
		C: HELP
		S: 214-2.0.0 *vodmr*
		S: 214-2.0.0 *
		S: 214 2.0.0 *
		C: ATRN
		S: 530 5.7.0 *
		C: ATRN example.org,example.com
		S: 530 5.7.0 *
		C: FETCH
		S: 500 5.5.1 *
		C: STARTTLS
		S: 500 5.5.1 *
		C: QUIT
		S: 221 2.0.0 mail.example.net *
		S: <end>
	`)
	k.logged(`vodmr: 4711 end ip=192.0.2.1 reason=quit`)
}

// Without CRAM-MD5 there is no login at all in the clear, and with TLS there are the two
// others.
func TestNoCRAM(t *testing.T) {
	for tls, ways := range map[bool][]string{
		false: {"S: 250 ATRN", "C: AUTH CRAM-MD5", "S: 504 *", "C: AUTH PLAIN AGEAYg==", "S: 538 *"},
		true:  {"S: 250-AUTH PLAIN LOGIN", "S: 250 ATRN", "C: AUTH CRAM-MD5", "S: 504 *", "C: AUTH PLAIN", "S: 334 ", "C: *", "S: 501 *"},
	} {
		k := newTalk(t)
		k.session.NoCRAM, k.session.TLS = true, tls
		k.start()
		k.Run("C: EHLO customer.example\nS: 250-mail.example.net\nS: 250-ENHANCEDSTATUSCODES\n" + strings.Join(ways, "\n"))
	}
}

// From an address that -P names a password may come without TLS, even if others need it.
func TestTrustedAddress(t *testing.T) {
	k := newTalk(t)
	k.session.Trusted, k.session.NeedTLS = true, true
	k.verdict = func(c Credentials) error {
		if c.Login == "a" && c.Secret == "b" && c.Challenge == "" {
			return nil
		}
		return ErrRefused
	}
	k.start()
	k.Run(`
		C: EHLO nginx
		S: 250-mail.example.net
		S: 250-ENHANCEDSTATUSCODES
		S: 250-AUTH CRAM-MD5 PLAIN LOGIN
		S: 250 ATRN
		C: AUTH PLAIN AGEAYg==
	`)
	k.logged(`vodmr: 4711 login user=a mechanism=PLAIN ip=192.0.2.1`)
}

// A health check leaves no line; a connection that says anything more does.
func TestQuiet(t *testing.T) {
	for script, logged := range map[string][]string{
		"C: EHLO balancer\nS: 250-*\nS: 250-*\nS: 250-*\nS: 250 ATRN\nC: QUIT\nS: 221 *": nil,
		"C: QUIT\nS: 221 *":                           nil,
		"C: NOOP\nS: 250 *\nC: QUIT\nS: 221 *":        {`vodmr: 4711 end ip=192.0.2.1 reason=quit`},
		"C: XCLIENT A=B\nS: 500 *\nC: QUIT\nS: 221 *": {`vodmr: 4711 end ip=192.0.2.1 reason=quit`},
		"C: AUTH CRAM-MD5\nS: 334 *\nC: *\nS: 501 *":  {`vodmr: 4711 end ip=192.0.2.1 reason=hangup`},
		"C: PROXY UNKNOWN\nS: 554 *vodmr-proxy*":      {`vodmr: 4711 end ip=192.0.2.1 reason="554 *"`},
	} {
		k := newTalk(t)
		k.session.Quiet = true
		k.start()
		k.Run(script)
		k.Close()
		if logged == nil {
			logged = []string{""}
		}
		k.logged(logged...)
	}
}

// A balancer's header is no command: without vodmr-proxy in front, one reply to each of its
// lines would be taken for the reply to the customer's own.
func TestHeaderOfABalancerEndsTheSession(t *testing.T) {
	for name, test := range map[string]struct {
		header string
		before []string // replies to lines of the header that look like any unknown command
	}{
		"version 1": {"PROXY TCP4 192.0.2.7 198.51.100.1 4097 366\r\n", nil},
		"version 2": {"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\x10\x01\x01\x6e", []string{"500 *", "500 *"}},
	} {
		t.Run(name, func(t *testing.T) {
			k := newTalk(t)
			k.start()
			k.Send(test.header + "EHLO customer.example\r\n")
			for _, reply := range test.before {
				k.Expect(reply)
			}
			k.Expect("554 5.5.0 *vodmr-proxy is missing*")
			k.ExpectEnd()
			k.logged(`vodmr: 4711 end ip=192.0.2.1 reason="554 5.5.0 *PROXY header*vodmr-proxy*"`)
		})
	}
}

func TestMailCommandsAreRefused(t *testing.T) {
	k := newTalk(t)
	k.start()
	for _, verb := range strings.Fields("MAIL RCPT DATA BDAT VRFY EXPN ETRN TURN SEND SOML SAML") {
		k.Run(`
			C: ` + verb + ` x
			S: 502 5.5.1 *
		`)
	}
	k.Run(`C: <end>`)
	k.ExpectEnd()
	k.logged(`vodmr: 4711 end ip=192.0.2.1 reason=hangup`)
}

func TestAuthCommand(t *testing.T) {
	k := newTalk(t)
	k.verdict = func(c Credentials) error {
		t.Errorf("checked %+v", c)
		return ErrRefused
	}
	k.start()
	k.Run(`
		C: AUTH
		S: 501 5.5.4 *
		C: AUTH DIGEST-MD5
		S: 504 5.5.4 *
		C: AUTH PLAIN AHRpbQBzZWNyZXQ=
		S: 538 5.7.11 *
		C: AUTH login
		S: 538 5.7.11 *
		C: AUTH CRAM-MD5 dGlt
		S: 501 5.7.0 *
		C: AUTH CRAM-MD5 =
		S: 501 5.7.0 *
		C: auth cram-md5
		S: 334 *
		C: *
		S: 501 5.0.0 *
		C: AUTH CRAM-MD5
		S: 334 *
		C: that is not base64
		S: 501 5.5.2 *
		C: AUTH CRAM-MD5
		S: 334 *
		C: dGlt
		S: 501 5.5.2 *
		C: AUTH CRAM-MD5
		S: 334 *
		C: dGltIDAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGU=
		S: 501 5.5.2 *
		C: QUIT
		S: 221 *
	`)
	<-k.done
	if len(k.slept) > 0 {
		t.Errorf("slept %v for exchanges that checked nothing", k.slept)
	}
}

// A NUL in the login would let an overheard challenge and response be replayed.
func TestSmuggledNULReachesNobody(t *testing.T) {
	k := newTalk(t)
	k.verdict = func(c Credentials) error {
		t.Errorf("checked %+v", c)
		return ErrRefused
	}
	overheard := "<1896.697170952@postoffice.reston.mci.net>"
	k.start()
	for _, login := range []string{
		"tim\x00" + dialogue.CRAM("tanstaaftanstaaf", overheard) + "\x00" + overheard + "\x00",
		"tim\r\nX: y",
		"tim\n",
	} {
		k.Login(login, "any")
		k.Run(`S: 501 5.5.2 *`)
	}
}

func TestLogin(t *testing.T) {
	k := newTalk(t)
	var got Credentials
	k.verdict = func(c Credentials) error {
		got = c
		return nil
	}
	k.start()
	k.Send("AUTH CRAM-MD5\r\n")
	challenge := k.Challenge()
	k.Send("VGltIEIgQjkxM0E2MDJDN0VEQTdBNDk1QjRFNkU3MzM0RDM4OTA=\r\n")
	<-k.done
	want := Credentials{Login: "Tim B", Secret: "b913a602c7eda7a495b4e6e7334d3890", Challenge: challenge}
	if got != want {
		t.Error(cmp.Diff(want, got))
	}
}

// Nothing is said after a right password: the connection is another program's.
func TestLoginSaysNothing(t *testing.T) {
	k := newTalk(t)
	k.verdict = func(Credentials) error { return nil }
	k.start()
	k.Login("odmr@example.org", "secret")
	k.ExpectEnd()
}

// A guess costs a second and a connection, as with qmail-popup. Trouble of ours costs the
// connection too, since nobody is there any more who could check another login.
func TestALoginIsTriedOnce(t *testing.T) {
	for _, test := range []struct {
		verdict error
		reply   string
		slept   []time.Duration
		logged  string
	}{
		{ErrRefused, "535 5.7.8 *", []time.Duration{time.Second}, "refused user=odmr@example.org mechanism=CRAM-MD5 ip=192.0.2.1 reply=\"535 5.7.8 *\" error=refused"},
		{errBusy, "454 4.7.0 *", nil, "error user=odmr@example.org mechanism=CRAM-MD5 ip=192.0.2.1 reply=\"454 4.7.0 *\" error=\"the database is busy\""},
	} {
		k := newTalk(t)
		k.verdict = func(Credentials) error { return test.verdict }
		k.start()
		k.Login("odmr@example.org", "secret")
		k.Run("S: " + test.reply + "\nS: <end>")
		k.logged("vodmr: 4711 "+test.logged, `vodmr: 4711 end ip=192.0.2.1 reason="`+test.reply+`"`)
		if !cmp.Equal(k.slept, test.slept) {
			t.Errorf("slept %v, want %v", k.slept, test.slept)
		}
	}
}

// vchkpw would cut the input and then call a right password wrong.
func TestLoginThatVchkpwWouldCut(t *testing.T) {
	fits := 120 - len("<0123456789abcdef.1795339089@mail.example.net>")
	for length, test := range map[int]struct {
		checked int
		reason  string
	}{
		fits:     {155, "refused"},
		fits + 1: {0, fmt.Sprintf(`"refused: vchkpw cannot take a login of %d bytes"`, fits+1)},
	} {
		k := newTalk(t)
		checked := 0
		k.verdict = func(c Credentials) error {
			checked = len(c.Bytes())
			return ErrRefused
		}
		k.start()
		k.Login(strings.Repeat("x", length), "secret")
		k.Run("S: 535 5.7.8 *\nS: <end>")
		k.logged(`vodmr: 4711 refused user=x* error=`+test.reason, `vodmr: 4711 end *`)
		if checked != test.checked {
			t.Errorf("%d bytes: checked credentials of %d bytes, want %d", length, checked, test.checked)
		}
	}
}

// Other programs than vchkpw read a plain password that is longer, up to
// checkpassword's own limit. If one refuses it, the log says what vchkpw would do,
// and no line tells how long the password is.
func TestLongPlainPasswords(t *testing.T) {
	const login = "odmr@example.org"
	for _, test := range []struct {
		length  int // of what descriptor 3 carries
		checked bool
		reason  string
	}{
		{155, true, `error="refused: exit 1"`},
		{156, true, `error="refused: exit 1; if it is vchkpw, it could not read this login and password whole: they are too long for it"`},
		{512, true, `error="refused: exit 1; if it is vchkpw, it could not read this login and password whole: they are too long for it"`},
		{513, false, `error="refused: no checkpassword program takes this login and password: they are too long"`},
		{8000, false, `error="refused: no checkpassword program takes this login and password: they are too long"`},
	} {
		t.Run(strconv.Itoa(test.length), func(t *testing.T) {
			k := newTalk(t)
			k.session.TLS = true
			checked := 0
			k.verdict = func(c Credentials) error {
				checked = len(c.Bytes())
				return fmt.Errorf("%w: exit 1", ErrRefused)
			}
			secret := strings.Repeat("s", test.length-len(login)-len("\x00\x00\x00"))
			k.start()
			k.Send("AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+login+"\x00"+secret)) + "\r\n")
			k.Run(`
				S: 535 5.7.8 *
				S: <end>
			`)
			k.logged(`vodmr: 4711 refused user=odmr@example.org mechanism=PLAIN * `+test.reason, `vodmr: 4711 end *`)
			if want := map[bool]int{true: test.length}[test.checked]; checked != want {
				t.Errorf("checked credentials of %d bytes, want %d", checked, want)
			}
		})
	}
}

// Trouble with a long password is no matter of its length.
func TestTroubleWithALongPlainPassword(t *testing.T) {
	k := newTalk(t)
	k.session.TLS = true
	k.verdict = func(Credentials) error { return errBusy }
	k.start()
	k.Send("AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00odmr\x00"+strings.Repeat("s", 300))) + "\r\n")
	k.Run(`
		S: 454 4.7.0 *
		S: <end>
	`)
	k.logged(`vodmr: 4711 error user=odmr * error="the database is busy"`, `vodmr: 4711 end *`)
}

func TestLoginsAreEscapedInTheLog(t *testing.T) {
	k := newTalk(t)
	k.start()
	k.Login("a b\"\x1b[2J\xff user=root", "secret")
	k.Run(`
		S: 535 *
		S: <end>
	`)
	k.logged(`vodmr: 4711 refused user="a b\"\x1b[2J\xff user=root" mechanism=*`, `vodmr: 4711 end *`)
}

func TestEarlyBytesBeforeTheChallenge(t *testing.T) {
	k := newTalk(t)
	k.start()
	k.Send("AUTH CRAM-MD5\r\nATRN\r\n")
	k.Run(`
		S: 554 5.5.0 *
		S: <end>
	`)
	k.logged(`vodmr: 4711 end ip=192.0.2.1 reason="554 5.5.0 *"`)
}

func TestEarlyBytesBeforeARefusalOfTheCommand(t *testing.T) {
	k := newTalk(t)
	k.start()
	k.Send("AUTH PLAIN\r\nATRN\r\n")
	k.Run(`
		S: 554 5.5.0 *
		S: <end>
	`)
}

// Bytes with the response: the program must not even start.
func TestEarlyBytesWithTheResponse(t *testing.T) {
	k := newTalk(t)
	k.verdict = func(c Credentials) error {
		t.Errorf("checked %+v", c)
		return ErrRefused
	}
	k.start()
	k.Send("AUTH CRAM-MD5\r\n")
	k.Challenge()
	k.Send("dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\nATRN\r\n")
	k.Run(`
		S: 554 5.5.0 *
		S: <end>
	`)
}

func TestEarlyBytesWhileThePasswordIsChecked(t *testing.T) {
	for _, verdict := range []error{ErrRefused, errBusy} {
		k := newTalk(t)
		k.verdict = func(Credentials) error {
			k.Send("ATRN\r\n")
			return verdict
		}
		k.start()
		k.Login("odmr@example.org", "secret")
		k.Run(`
			S: 554 5.5.0 *
			S: <end>
		`)
	}
}

func TestEarlyBytesDuringTheDelay(t *testing.T) {
	k := newTalk(t)
	k.during = func() { k.Send("AUTH CRAM-MD5\r\n") }
	k.start()
	k.Login("odmr@example.org", "wrong")
	k.Run(`
		S: 554 5.5.0 *
		S: <end>
	`)
}

func TestNeedTLS(t *testing.T) {
	k := newTalk(t)
	k.session.NeedTLS = true
	k.start()
	k.Run(`
		C: EHLO customer.example
		S: 250-mail.example.net
		S: 250-ENHANCEDSTATUSCODES
		S: 250 ATRN
		C: AUTH CRAM-MD5
		S: 538 5.7.11 *
		C: AUTH
		S: 538 5.7.11 *
		C: QUIT
		S: 221 *
	`)
}

func TestNeedTLSIsMetByAWrapper(t *testing.T) {
	k := newTalk(t)
	k.session.NeedTLS = true
	k.session.TLS = true
	k.start()
	k.Run(`
		C: AUTH CRAM-MD5
		S: 334 *
		C: *
		S: 501 5.0.0 *
	`)
}

func TestTenUnknownCommandsEndTheSession(t *testing.T) {
	k := newTalk(t)
	k.start()
	for range 9 {
		k.Run(`
			C: XYZZY
			S: 500 5.5.1 *
		`)
	}
	k.Run(`
		C: XYZZY
		S: 500 5.5.1 *
		S: 421 4.7.0 *
		S: <end>
	`)
	k.logged(`vodmr: 4711 end ip=192.0.2.1 reason="421 4.7.0 *"`)
}

func TestLineOverTheLimit(t *testing.T) {
	for name, before := range map[string]string{"a command": "", "a response": "AUTH CRAM-MD5\r\n"} {
		t.Run(name, func(t *testing.T) {
			k := newTalk(t)
			k.start()
			if before != "" {
				k.Send(before)
				k.Challenge()
			}
			k.Send(strings.Repeat("x", 100_000) + "\r\n")
			k.Run(`
				S: 500 5.5.6 *
				S: 421 4.7.0 *
				S: <end>
			`)
		})
	}
}

func TestNULBytes(t *testing.T) {
	k := newTalk(t)
	k.start()
	k.Run("C: NOOP\x00\nS: 500 *\nC: \x00\x00\x00\nS: 500 *\nC: AUTH CRAM-MD5\x00\nS: 504 *\nC: QUIT\nS: 221 *")
}

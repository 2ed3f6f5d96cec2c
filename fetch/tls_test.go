package fetch

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/test/kit/dialogue"
)

const testHost = "mail.example.net"

const startingTLS = `
		P: 220 mail.example.net ESMTP
		A: EHLO customer.example
		P: 250-mail.example.net
		P: 250-AUTH CRAM-MD5
		P: 250 starttls
		A: STARTTLS
		P: 220 2.0.0 go ahead
`

const ehloUnderTLS = `
		A: EHLO customer.example
		P: 250-mail.example.net
		P: 250-AUTH PLAIN LOGIN CRAM-MD5
		P: 250 ATRN
`

const nothingWaits = `
		P: 235 2.7.0 ok
		A: ATRN
		P: 453 4.2.0 nothing waits
` + quitting

// withPlain and withCRAM are logins that find nothing.
func withPlain() string {
	answer := base64.StdEncoding.EncodeToString([]byte("\x00" + testLogin.User + "\x00" + testLogin.Password))
	return "\t\tA: AUTH PLAIN " + answer + "\n" + nothingWaits
}

func withCRAM() string {
	return `
		A: AUTH CRAM-MD5
		P: 334 ` + base64.StdEncoding.EncodeToString([]byte(testChallenge)) + `
		A: ` + rightAnswer() + "\n" + nothingWaits
}

// handshake begins TLS as the provider, and goes on under it.
func (v *visit) handshake(config *tls.Config) (tls.ConnectionState, error) {
	conn := tls.Server(&recording{Conn: v.Net()}, config)
	err := conn.Handshake()
	v.Conn = dialogue.New(v.t, conn)
	return conn.ConnectionState(), err
}

// encrypt is a handshake that must go well.
func (v *visit) encrypt(c *certified) {
	v.t.Helper()
	state, err := v.handshake(&tls.Config{Certificates: []tls.Certificate{c.Certificate}})
	if err != nil {
		v.t.Fatalf("the provider's handshake: %v", err)
	}
	if state.ServerName != testHost {
		v.t.Errorf("the provider was called by the name %q", state.ServerName)
	}
}

func TestCertificates(t *testing.T) {
	ca := issue(t, lasting("Test CA", true), nil)
	between := issue(t, lasting("Test CA below", true), ca)
	right := issue(t, lasting(testHost, false), ca)
	self := issue(t, lasting(testHost, false), nil)
	old := issue(t, expired(testHost), ca)
	const doubt = "the provider's certificate cannot be trusted: "
	const asked = "*or give its pin with -F, which the provider sees by running `vodmr-front -l' there: x509: *"
	for _, test := range []struct {
		name string
		is   *certified
		want TLS
		text string
	}{
		{"verified", right, TLS{Host: testHost, Roots: pool(ca)}, ""},
		{"a CA between", issue(t, lasting(testHost, false), between), TLS{Host: testHost, Roots: pool(ca)}, ""},
		{"a last dot", right, TLS{Host: testHost + ".", Roots: pool(ca)}, ""},
		{"an address", issue(t, lasting("192.0.2.1", false), ca), TLS{Host: "192.0.2.1", Roots: pool(ca)}, ""},
		{"an address with a zone", issue(t, lasting("fe80::1", false), ca), TLS{Host: "fe80::1%lo", Roots: pool(ca)}, ""},
		{"another address", issue(t, lasting("192.0.2.2", false), ca), TLS{Host: "192.0.2.1", Roots: pool(ca)}, doubt + "call the provider by a name that is in it*192.0.2.2, not 192.0.2.1"},
		{"a name for an address", right, TLS{Host: "192.0.2.1", Roots: pool(ca)}, doubt + "*x509: *"},
		{"wrong name", issue(t, lasting("other.example", false), ca), TLS{Host: testHost, Roots: pool(ca)}, doubt + "call the provider by a name that is in it*valid for other.example, not mail.example.net"},
		{"no name", right, TLS{Roots: pool(ca)}, "*handshake*"},
		{"expired", old, TLS{Host: testHost, Roots: pool(ca)}, doubt + "the provider must renew it*" + asked},
		{"self-signed", self, TLS{Host: testHost, Roots: pool(ca)}, doubt + "name the file of the CA*" + asked},
		{"self-signed, system's CAs", self, TLS{Host: testHost}, doubt + asked},
		{"self-signed, in the CA's place", self, TLS{Host: testHost, Roots: pool(self)}, ""},
		{"pinned", self, TLS{Host: testHost, Pin: pin(self)}, ""},
		{"pinned, expired, wrong name", old, TLS{Host: "other.example", Pin: pin(old)}, ""},
		{"pinned, no name", self, TLS{Pin: pin(self)}, ""},
		{"wrong pin", right, TLS{Host: testHost, Pin: pin(self)}, "the provider's certificate is not the one of -F*`vodmr-front -l' there: somebody may be in between"},
		{"pinned key", self, TLS{Host: testHost, Pin: keyPin(self)}, ""},
		{"pinned key, renewed, expired, wrong name", renewed(t, self), TLS{Host: "other.example", Pin: keyPin(self)}, ""},
		{"pinned certificate, renewed", renewed(t, self), TLS{Host: testHost, Pin: pin(self)}, "*not the one of -F*"},
		{"wrong key, trusted CA", right, TLS{Host: testHost, Roots: pool(ca), Pin: keyPin(self)},
			"the public key of * is not the one of the pin*`vodmr-front -l' there: somebody may be in between"},
		{"the CA's key", right, TLS{Host: testHost, Pin: keyPin(ca)}, "*not the one of the pin*"},
		{"the CA's pin", right, TLS{Host: testHost, Pin: pin(ca)}, "*not the one of -F*"},
	} {
		for _, mode := range []TLSMode{StartTLS, OnConnect} {
			t.Run(test.name, func(t *testing.T) {
				test.want.Mode = mode
				v := start(t, Session{Sink: none{t}, TLS: test.want})
				if mode == StartTLS {
					v.play(startingTLS)
				}
				_, err := v.handshake(&tls.Config{Certificates: []tls.Certificate{test.is.Certificate}})
				if test.text != "" {
					if err == nil {
						t.Error("the handshake went well")
					}
					v.end(ExitLater, test.text)
					return
				}
				if err != nil {
					t.Fatalf("handshake: %v", err)
				}
				if mode == OnConnect {
					v.play("\t\tP: 220 mail.example.net\n")
				}
				v.play(ehloUnderTLS + withPlain())
				v.notified()
				v.end(ExitFetched, "")
			})
		}
	}
}

// Without TLS that was to be, nothing of the login is sent.
func TestNoTLSNoLogin(t *testing.T) {
	const greeting = `
		P: 220 mail.example.net ESMTP
		A: EHLO customer.example
		P: 250-mail.example.net
`
	const offered = greeting + `
		P: 250-STARTTLS
		P: 250 AUTH PLAIN CRAM-MD5
		A: STARTTLS
`
	for _, test := range []struct {
		name   string
		mode   TLSMode
		script string
		text   string
	}{
		{"not offered", StartTLS, greeting + "\t\tP: 250 AUTH PLAIN CRAM-MD5\n" + quitting, "*offers no STARTTLS, or somebody*-T tls*-T none"},
		{"stripped", StartTLS, greeting + "\t\tP: 250-XXXXXXXX\n\t\tP: 250 AUTH PLAIN CRAM-MD5\n" + quitting, "*offers no STARTTLS, or somebody*"},
		{"454", StartTLS, offered + "\t\tP: 454 4.7.0 no certificate\n" + quitting, "*refuses it now*454 4.7.0 no certificate"},
		{"502", StartTLS, offered + "\t\tP: 502 what\n" + quitting, "*refuses it now*502 what"},
		{"250 is not 220", StartTLS, offered + "\t\tP: 250 ok\n" + quitting, "*refuses it now*"},
		{"421", StartTLS, offered + "\t\tP: 421 4.3.2 full\n\t\tA: <end>\n", "*try again later: 421 4.3.2 full"},
		{"421 where TLS may be", MayTLS, offered + "\t\tP: 421 4.3.2 full\n\t\tA: <end>\n", "*421 4.3.2 full"},
		{"hung up", StartTLS, offered + "\t\tP: <end>\n", "*hung up before the reply to STARTTLS"},
		{"hung up in the handshake", StartTLS, offered + "\t\tP: 220 go\n\t\tP: <end>\n", "the TLS handshake with the provider failed*"},
		{"TLS expected at once", OnConnect, "\t\tP: 220 mail.example.net ESMTP\n", "*does not begin with TLS: leave -T tls out*"},
		{"PLAIN only", NoTLS, greeting + "\t\tP: 250 AUTH PLAIN LOGIN\n" + quitting, "*offers no CRAM-MD5, and the password itself*"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := start(t, Session{Sink: none{t}, TLS: TLS{Mode: test.mode, Host: testHost}})
			v.play(test.script)
			v.end(ExitLater, test.text)
		})
	}
}

// Bytes that come in clear with the reply to STARTTLS could be anybody's. Whether
// they are a reply or not, and come with it or after it, the session ends.
func TestInjection(t *testing.T) {
	for _, mode := range []TLSMode{StartTLS, MayTLS} {
		for _, injected := range []string{"250-mail.example.net\r\n250 AUTH PLAIN\r\n", "2", "\r\n", "\x00"} {
			v := start(t, Session{Sink: none{t}, TLS: TLS{Mode: mode, Host: testHost}})
			v.play(strings.ReplaceAll(startingTLS, "\t\tP: 220 2.0.0 go ahead\n", ""))
			v.Send("220 2.0.0 go ahead\r\n" + injected)
			v.ExpectEnd()
			v.end(ExitLater, "more than the reply to STARTTLS came in clear*")
		}
		v := start(t, Session{Sink: none{t}, TLS: TLS{Mode: mode, Host: testHost}})
		v.play(startingTLS)
		if _, err := v.Net().Read(make([]byte, 1)); err != nil { // the client's first record
			t.Fatal(err)
		}
		v.Send("250 mail.example.net\r\n")
		v.end(ExitLater, "*is no TLS: somebody may be tampering*")
	}
}

// If the provider said a thing in clear, it does not count under TLS.
func TestExtensionsUnderTLSCount(t *testing.T) {
	self := issue(t, lasting(testHost, false), nil)
	v := start(t, Session{Sink: none{t}, TLS: TLS{Host: testHost, Pin: pin(self)}})
	v.play(startingTLS) // it lists AUTH
	v.encrypt(self)
	v.play(`
		A: EHLO customer.example
		P: 250 mail.example.net
	` + quitting)
	v.end(ExitLater, "the provider offers no CRAM-MD5*")
}

func TestOldTLS(t *testing.T) {
	self := issue(t, lasting(testHost, false), nil)
	v := start(t, Session{Sink: none{t}, TLS: TLS{Mode: OnConnect, Pin: pin(self)}})
	_, err := v.handshake(&tls.Config{
		Certificates: []tls.Certificate{self.Certificate},
		MinVersion:   tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
	})
	if err == nil {
		t.Error("TLS 1.1 went well")
	}
	v.end(ExitLater, "*must speak TLS 1.2*")
}

func TestMayTLS(t *testing.T) {
	ca := issue(t, lasting("Test CA", true), nil)
	below := issue(t, lasting("Test CA below", true), ca)
	for _, test := range []struct {
		name string
		is   *certified
		host string
		then string
	}{
		{"verified", issue(t, lasting(testHost, false), ca), testHost, withPlain()},
		{"verified by a CA between", issue(t, lasting(testHost, false), below), testHost, withPlain()},
		{"self-signed", issue(t, lasting(testHost, false), nil), testHost, withCRAM()},
		{"expired", issue(t, expired(testHost), ca), testHost, withCRAM()},
		{"wrong name", issue(t, lasting("other.example", false), ca), testHost, withCRAM()},
		{"no name", issue(t, lasting(testHost, false), ca), "", withCRAM()},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := start(t, Session{Sink: none{t}, TLS: TLS{Mode: MayTLS, Host: test.host, Roots: pool(ca)}})
			v.play(startingTLS)
			if _, err := v.handshake(&tls.Config{Certificates: []tls.Certificate{test.is.Certificate}}); err != nil {
				t.Fatal(err)
			}
			v.play(ehloUnderTLS + test.then)
			v.end(ExitFetched, "")
		})
	}
}

func TestMayTLSInClear(t *testing.T) {
	for name, script := range map[string]string{
		"not offered": strings.ReplaceAll(ehloUnderTLS, "ATRN", "HELP"),
		"refused": strings.ReplaceAll(ehloUnderTLS, "ATRN", "STARTTLS") + `
		A: STARTTLS
		P: 454 4.7.0 not now
`,
	} {
		t.Run(name, func(t *testing.T) {
			v := start(t, Session{Sink: none{t}, TLS: TLS{Mode: MayTLS, Host: testHost}})
			v.play("\t\tP: 220 mail.example.net\n" + script + withCRAM())
			v.end(ExitFetched, "")
		})
	}
}

// A refused PLAIN is no reason to try CRAM-MD5.
func TestPlainRefused(t *testing.T) {
	self := issue(t, lasting(testHost, false), nil)
	for _, test := range []struct {
		reply string
		exit  int
	}{
		{"535 5.7.8 no", ExitLogin},
		{"454 4.7.0 no", ExitLater},
		{"504 5.5.4 what", ExitLater},
		{"334 ", ExitLater},
	} {
		v := start(t, Session{Sink: none{t}, TLS: TLS{Host: testHost, Pin: pin(self)}})
		v.play(startingTLS)
		v.encrypt(self)
		v.play(ehloUnderTLS + "\t\tA: AUTH PLAIN *\n\t\tP: " + test.reply + "\n" + quitting)
		v.end(test.exit, "*"+strings.TrimSpace(test.reply)+"*")
	}
}

// A response too long for a command line waits for 334 (RFC 4954 section 4).
func TestPlainLong(t *testing.T) {
	self := issue(t, lasting(testHost, false), nil)
	for _, bytes := range []int{354, 355} {
		near, far := tcpPair(t, "127.0.0.1:0")
		v := begin(t, Session{Sink: none{t}, Provider: given{far}, TLS: TLS{Host: testHost, Pin: pin(self)},
			Login: Login{testLogin.User, strings.Repeat("x", bytes)}}, near)
		v.play(startingTLS)
		v.encrypt(self)
		v.play(ehloUnderTLS)
		line := v.Expect("AUTH PLAIN*")
		if bytes == 355 {
			v.Send("334 \r\n")
			line += " " + v.Expect("*")
		} else if len(line)+2 > 512 {
			t.Errorf("a line of %d bytes", len(line)+2)
		}
		text, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(line, "AUTH PLAIN "))
		if want := "\x00" + testLogin.User + "\x00" + strings.Repeat("x", bytes); err != nil || string(text) != want {
			t.Errorf("got %q, %v", text, err)
		}
		v.play(nothingWaits)
		v.end(ExitFetched, "")
	}
}

func TestStopDuringHandshake(t *testing.T) {
	v := start(t, Session{Sink: none{t}, TLS: TLS{Mode: OnConnect, Host: testHost}})
	if _, err := v.Net().Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	v.stop()
	v.end(ExitLater, "*cut short*")
}

func TestParsePin(t *testing.T) {
	const digits = "00FF" + "FBFF456789ABCDEF" + "0123456789ABCDEF" + "0123456789ABCDEF" + "01234567" + "89AB"
	const colons = "00:FF:FB:FF:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB"
	want, err := ParsePin(digits)
	if s := want.SHA256; err != nil || want.Key || s[0] != 0 || s[1] != 0xff || s[31] != 0xab {
		t.Fatalf("got %v, %v", want, err)
	}
	for _, same := range []string{colons, strings.ToLower(digits), strings.ToLower(colons)} {
		if got, err := ParsePin(same); got != want || err != nil {
			t.Errorf("%s: got %v, %v", same, got, err)
		}
	}
	want.Key = true
	for _, key := range []string{"sha256:" + digits, "SHA256:" + colons, "sha256:" + base64.StdEncoding.EncodeToString(want.SHA256[:]),
		"sha256:" + base64.RawURLEncoding.EncodeToString(want.SHA256[:])} {
		if got, err := ParsePin(key); got != want || err != nil {
			t.Errorf("%s: got %v, %v", key, got, err)
		}
	}
	for _, bad := range []string{"", "x", digits[2:], digits + "00", strings.Replace(digits, "0", "G", 1), " " + digits,
		base64.StdEncoding.EncodeToString(want.SHA256[:])} {
		for _, prefix := range []string{"", "sha256:"} {
			if _, err := ParsePin(prefix + bad); ExitCode(err) != ExitMisuse && prefix+bad != "sha256:"+base64.StdEncoding.EncodeToString(want.SHA256[:]) {
				t.Errorf("%q: got %v", prefix+bad, err)
			}
		}
	}
}

func TestParseTLSMode(t *testing.T) {
	for word, want := range map[string]TLSMode{"starttls": StartTLS, "tls": OnConnect, "may": MayTLS, "none": NoTLS} {
		if got, err := ParseTLSMode(word); got != want || err != nil {
			t.Errorf("%s: got %v, %v", word, got, err)
		}
	}
	for _, bad := range []string{"", "TLS", "no", "starttls "} {
		if _, err := ParseTLSMode(bad); ExitCode(err) != ExitMisuse {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}

func TestReadRoots(t *testing.T) {
	ca := issue(t, lasting("Test CA", true), nil)
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := append([]byte("a comment\n"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Leaf.Raw})...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	roots, err := ReadRoots(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := issue(t, lasting(testHost, false), ca).Leaf.Verify(x509.VerifyOptions{Roots: roots}); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(file, []byte("no certificate\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{file, file + "x", filepath.Dir(file)} {
		if _, err := ReadRoots(bad); ExitCode(err) != ExitMisuse || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: got %v", bad, err)
		}
	}
}

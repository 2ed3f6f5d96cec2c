package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/dialogue"
)

// settings prints what a program finds about TLS, and ends with a code of its own.
const settings = `env | grep ^SSL | sort | sed 's/$/\r/'; printf 'session %s\r\n' $VODMR_SESSION; exit 7`

func TestProgramLearnsOfTLS(t *testing.T) {
	ca, cert := servercert(t)
	for _, test := range []struct {
		version        uint16
		protocol, name string
	}{
		{tls.VersionTLS13, "TLSv1.3", "TLS_AES_*"},
		{tls.VersionTLS12, "TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_*_GCM_SHA*"},
	} {
		cmd := wrap([]string{"-c", cert}, shell(settings))
		cmd.Env = append(os.Environ(), "VODMR_SESSION=", "SSL_PROTOCOL=forged", "SSL_CLIENT_S_DN=CN=forged",
			"SSL_CLIENT_CERT_SHA256=forged", "SSL_CLIENT_KEY_SHA256=forged", "SSL_ANYTHING=forged", "SSLCTLFD=9", "SSLREADFD=9", "SSLWRITEFD=9")
		p := dialogue.Start(t, cmd)
		config := trusting(ca)
		config.MaxVersion = test.version
		secured(t, p, config).Run(`
			S: SSL_CIPHER=` + test.name + `
			S: SSL_PROTOCOL=` + test.protocol + `
			S: SSL_TLS_SNI_SERVERNAME=mail.example.net
			S: session ` + strconv.Itoa(p.PID()) + `
			S: <end>
		`)
		ended(t, p, 7)
	}
}

func TestOuterSessionName(t *testing.T) {
	ca, cert := servercert(t)
	cmd := wrap([]string{"-c", cert}, shell(settings))
	cmd.Env = append(os.Environ(), "VODMR_SESSION=4711")
	p := dialogue.Start(t, cmd)
	config := trusting(ca)
	config.ServerName, config.InsecureSkipVerify = "", true
	secured(t, p, config).Run(`
		S: SSL_CIPHER=*
		S: SSL_PROTOCOL=TLSv1.3
		S: session 4711
		S: <end>
	`)
	ended(t, p, 7)
}

// A name that the customer sends must not become a variable of its choice.
func TestForgedServerName(t *testing.T) {
	_, cert := servercert(t)
	for _, name := range []string{"a\x00SSL_CLIENT_S_DN=CN=boss", "a\nSSL_CLIENT_S_DN=CN=boss", "a=b", "a b", "\xff"} {
		for _, flags := range [][]string{{"-c", cert}, {"-s", "-c", cert}} {
			var c *dialogue.Conn
			config := &tls.Config{ServerName: name, InsecureSkipVerify: true}
			if len(flags) == 2 {
				c = secured(t, starting(t, shell(settings), flags...), config)
			} else {
				p := starting(t, prog("smtp"), flags...)
				p.Run(toSTARTTLS)
				c = secured(t, p, config)
				c.Run(`C: EHLO customer.example`)
			}
			for line := ""; !dialogue.Match("session *", line) && line != "250 prog"; {
				line = c.Expect("*")
				if dialogue.Match("*CLIENT*", line) || dialogue.Match("*SERVERNAME*", line) {
					t.Errorf("server name %q: program has %q", name, line)
				}
			}
		}
	}
}

func TestSeparateKeyFile(t *testing.T) {
	ca := newAuthority(t, "Test Authority")
	pair := ca.server(t)
	p := starting(t, shell("exit 3"), "-c"+file(t, pair.chain), "-k", file(t, pair.key), "--")
	secured(t, p, trusting(ca)).ExpectEnd()
	ended(t, p, 3)
}

// A certificate is read anew for each connection: renewing it restarts nothing.
func TestRenewedCertificate(t *testing.T) {
	_, cert := servercert(t)
	ca := newAuthority(t, "Another Authority")
	if err := os.WriteFile(cert, ca.server(t).both(), 0o600); err != nil {
		t.Fatal(err)
	}
	secured(t, starting(t, shell("exit 0"), "-c", cert), trusting(ca)).ExpectEnd()
}

func TestHandshakeRefused(t *testing.T) {
	_, cert := servercert(t)
	old := []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256}
	for name, config := range map[string]*tls.Config{
		"TLS 1.1":          {MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
		"no AEAD":          {MaxVersion: tls.VersionTLS12, CipherSuites: old},
		"RSA key exchange": {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}},
	} {
		t.Run(name, func(t *testing.T) {
			ran := filepath.Join(t.TempDir(), "ran")
			p := starting(t, []string{"touch", ran}, "-c", cert)
			config.InsecureSkipVerify = true
			if err := tls.Client(p.Net(), config).Handshake(); err == nil {
				t.Error("the handshake went through")
			}
			ended(t, p, 111, `vodmr-tls: * error ip=* error="TLS handshake: tls: *"`)
			if _, err := os.Stat(ran); err == nil {
				t.Error("the program ran")
			}
		})
	}
}

func TestPlainTalkOnConnect(t *testing.T) {
	_, cert := servercert(t)
	p := starting(t, shell("exit 0"), "-c", cert)
	p.Run(`C: EHLO customer.example`)
	ended(t, p, 111, `vodmr-tls: * error="TLS handshake: tls: first record does not look like a TLS handshake"`)
	p = starting(t, shell("exit 0"), "-c", cert)
	p.Close()
	ended(t, p, 111, `vodmr-tls: * error="TLS handshake: EOF"`)
}

func TestClientCertificate(t *testing.T) {
	ca, cert := servercert(t)
	friends, strangers := newAuthority(t, "Friends"), newAuthority(t, "Strangers")
	authorities := file(t, friends.pem)
	subject := pkix.Name{CommonName: "odmr\x00SSL_X=1\n,x", Organization: []string{"Example"}}
	known := friends.issue(t, subject, -time.Hour, time.Hour).tls
	sum := sha256.Sum256(known.Certificate[0])

	with := func(certificate *tls.Certificate) *tls.Config {
		config := trusting(ca)
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return certificate, nil
		}
		return config
	}
	t.Run("known", func(t *testing.T) {
		p := starting(t, shell(settings), "-c", cert, "-a", authorities)
		secured(t, p, with(&known)).Run(`
			S: SSL_CIPHER=*
			S: SSL_CLIENT_CERT_SHA256=` + hex.EncodeToString(sum[:]) + `
			S: SSL_CLIENT_KEY_SHA256=` + keyOf(t, known) + `
			S: SSL_CLIENT_S_DN=CN=odmr\00SSL_X=1\0a\,x,O=Example
			S: SSL_PROTOCOL=*
			S: SSL_TLS_SNI_SERVERNAME=*
			S: session *
			S: <end>
		`)
		ended(t, p, 7)
	})
	without := `
		S: SSL_CIPHER=*
		S: SSL_PROTOCOL=*
		S: SSL_TLS_SNI_SERVERNAME=*
		S: session *
		S: <end>
	`
	t.Run("none", func(t *testing.T) {
		p := starting(t, shell(settings), "-c", cert, "-a", authorities)
		secured(t, p, with(&tls.Certificate{})).Run(without)
		ended(t, p, 7)
	})
	t.Run("not asked for", func(t *testing.T) {
		p := starting(t, shell(settings), "-c", cert)
		secured(t, p, with(&known)).Run(without)
		ended(t, p, 7)
	})
	for name, pair := range map[string]pair{
		"stranger's": strangers.issue(t, subject, -time.Hour, time.Hour),
		"expired":    friends.issue(t, subject, -2*time.Hour, -time.Hour),
	} {
		t.Run(name, func(t *testing.T) {
			p := starting(t, shell(settings), "-c", cert, "-a", authorities)
			_ = tls.Client(p.Net(), with(&pair.tls)).Handshake()
			ended(t, p, 111, `vodmr-tls: * error="TLS handshake: tls: failed to verify certificate: *"`)
		})
	}
}

// keyOf is the SHA-256 of a certificate's public key.
func keyOf(t *testing.T, certificate tls.Certificate) string {
	t.Helper()
	parsed, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(parsed.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// With `-a any' nobody needs to vouch for a certificate, and its dates do not count: it says
// which key the customer has, and nothing that the customer could have written itself. A
// certificate without its key ends the handshake.
func TestAnyClientCertificate(t *testing.T) {
	ca, cert := servercert(t)
	own := newAuthority(t, "Nobody")
	with := func(certificate tls.Certificate) *tls.Config {
		config := trusting(ca)
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificate, nil }
		return config
	}
	fresh := own.issue(t, pkix.Name{CommonName: "boss"}, -time.Hour, time.Hour).tls
	for name, certificate := range map[string]tls.Certificate{
		"unknown": fresh,
		"expired": own.issue(t, pkix.Name{CommonName: "boss"}, -2*time.Hour, -time.Hour).tls,
		"none":    {},
	} {
		p := starting(t, shell(settings), "-c", cert, "-a", "any")
		key := ""
		if len(certificate.Certificate) > 0 {
			key = "S: SSL_CLIENT_KEY_SHA256=" + keyOf(t, certificate) + "\n"
		}
		t.Run(name, func(t *testing.T) {
			secured(t, p, with(certificate)).Run("S: SSL_CIPHER=*\n" + key + "S: SSL_PROTOCOL=*\nS: SSL_TLS_SNI_SERVERNAME=*\nS: session *\nS: <end>")
			ended(t, p, 7)
		})
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		stolen := tls.Certificate{Certificate: fresh.Certificate, PrivateKey: own.issue(t, pkix.Name{}, -time.Hour, time.Hour).tls.PrivateKey}
		config := with(stolen)
		config.MaxVersion = version
		p := starting(t, shell(settings), "-c", cert, "-a", "any")
		_ = tls.Client(p.Net(), config).Handshake()
		ended(t, p, 111, `vodmr-tls: * error="TLS handshake: tls: *"`)
	}
}

func TestDescriptorsOfTheProgram(t *testing.T) {
	ca, cert := servercert(t)
	extra, err := os.Open(cert)
	if err != nil {
		t.Fatal(err)
	}
	defer extra.Close()
	cmd := wrap([]string{"-c", cert}, prog("open"))
	cmd.ExtraFiles = []*os.File{extra, nil, extra}
	p := dialogue.Start(t, cmd)
	secured(t, p, trusting(ca)).Run(`
		S: open 0 1 2
		S: <end>
	`)
	ended(t, p, 0)

	cmd = wrap([]string{"-s", "-c", cert}, prog("open"))
	cmd.ExtraFiles = []*os.File{extra, nil, nil, nil, nil, extra}
	p = dialogue.Start(t, cmd)
	p.Run(`
		S: open 0 1 2 3 4 5
		S: <end>
	`)
	ended(t, p, 0)
}

func TestCustomerCloses(t *testing.T) {
	ca, cert := servercert(t)
	script := shell(`cat >/dev/null; printf 'heard the end\r\n'; exit 5`)
	t.Run("one way", func(t *testing.T) {
		p := starting(t, script, "-c", cert)
		secured(t, p, trusting(ca)).Run(`
			C: hello
			C: <end>
			S: heard the end
			S: <end>
		`)
		ended(t, p, 5)
	})
	t.Run("without goodbye", func(t *testing.T) {
		p := starting(t, script, "-c", cert)
		secured(t, p, trusting(ca)).Run(`C: hello`)
		p.CloseWrite()
		ended(t, p, 5)
	})
	t.Run("both ways", func(t *testing.T) {
		p := starting(t, script, "-c", cert)
		secured(t, p, trusting(ca)).Run(`C: hello`)
		p.Close()
		ended(t, p, 5)
	})
	t.Run("while the program writes", func(t *testing.T) {
		p := starting(t, shell(`yes 2>/dev/null; test $? -gt 0 && exit 6`), "-c", cert)
		secured(t, p, trusting(ca)).Run(`C: hello`)
		p.Close()
		ended(t, p, 6)
	})
}

// Rubbish inside the connection ends it for the program, and is logged.
func TestBrokenRecord(t *testing.T) {
	ca, cert := servercert(t)
	p := starting(t, shell(`read a; read b || exit 5`), "-c", cert)
	secured(t, p, trusting(ca)).Run(`C: hello`)
	p.Send("\x17\x03\x03\x00\x20rubbish that nobody has encrypted")
	ended(t, p, 5, `vodmr-tls: * error ip=* error="*bad record MAC"`)
}

// The customer sees the end when the program closes the connection, even if the
// program goes on, as vodmr-relay may with its bounces.
func TestProgramClosesAndGoesOn(t *testing.T) {
	ca, cert := servercert(t)
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	p := starting(t, append(shell(`printf 'bye\r\n'; exec <&- >&-; read x <$0; exit 3`), fifo), "-c", cert)
	c := secured(t, p, trusting(ca))
	c.Run(`
		S: bye
		S: <end>
	`)
	p.ExpectEnd() // of the connection itself, not only of TLS
	c.Close()
	if err := os.WriteFile(fifo, []byte("go on\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ended(t, p, 3)
}

// Something that a program left behind, and that still holds the connection, must
// not keep the customer waiting.
func TestProgramLeavesSomethingBehind(t *testing.T) {
	ca, cert := servercert(t)
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	p := starting(t, append(shell(`(exec 3<$0) & printf 'bye\r\n'; exit 3`), fifo), "-c", cert)
	secured(t, p, trusting(ca)).Run(`
		S: bye
		S: <end>
	`)
	ended(t, p, 3)
	// Nothing reads from the fifo any more once this is opened and closed.
	f, err := os.OpenFile(fifo, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// SIGTERM, which a service that is stopped sends to the program too, leaves it its last words.
func TestTerminated(t *testing.T) {
	ca, cert := servercert(t)
	p := starting(t, shell(`printf 'hello\r\n'; read a; printf 'bye\r\n'; exit 4`), "-c", cert)
	c := secured(t, p, trusting(ca))
	c.Run(`S: hello`)
	if err := syscall.Kill(p.PID(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.Run(`
		C: go on
		S: bye
		S: <end>
	`)
	ended(t, p, 4)
}

func TestProgramKilledOrMissing(t *testing.T) {
	ca, cert := servercert(t)
	p := starting(t, shell(`kill -9 $$`), "-c", cert)
	secured(t, p, trusting(ca)).ExpectEnd()
	ended(t, p, 111)

	p = starting(t, []string{"/nonexistent/vodmr", "h"}, "-c", cert)
	_ = tls.Client(p.Net(), trusting(ca)).Handshake()
	ended(t, p, 111, `vodmr-tls: * error ip=* error="*/nonexistent/vodmr*no such file or directory"`)

	p = starting(t, []string{"/nonexistent/vodmr", "h"}, "-s", "-c", cert)
	p.ExpectEnd()
	ended(t, p, 111, `vodmr-tls: * error ip=* error="*/nonexistent/vodmr*no such file or directory"`)
}

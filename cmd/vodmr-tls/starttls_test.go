package main

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/dialogue"
)

// toSTARTTLS is how every customer of the program begins.
const toSTARTTLS = `
	S: 220 prog
	C: EHLO customer.example
	S: 250-prog
	S: 250 STARTTLS
	C: STARTTLS
	S: 220 go on
`

func TestSTARTTLS(t *testing.T) {
	ca, cert := servercert(t)
	cmd := wrap([]string{"-s", "-c", cert}, prog("smtp"))
	cmd.Env = append(os.Environ(), "SSL_PROTOCOL=forged", "SSL_CLIENT_S_DN=CN=forged")
	p := dialogue.Start(t, cmd)
	p.Run(toSTARTTLS)
	secured(t, p, trusting(ca)).Run(`
		C: EHLO customer.example
		S: 250-SSLCTLFD=3
		S: 250-SSLREADFD=4
		S: 250-SSLWRITEFD=5
		S: 250-SSL_PROTOCOL=TLSv1.3
		S: 250-SSL_CIPHER=TLS_*
		S: 250-SSL_TLS_SNI_SERVERNAME=mail.example.net
		S: 250 prog
		C: QUIT
		S: 221 bye
		S: <end>
	`)
	ended(t, p, 7)
}

// A small y asks for TLS without the variables.
func TestSTARTTLSWithoutVariables(t *testing.T) {
	ca, cert := servercert(t)
	cmd := wrap([]string{"-s", "-c", cert}, prog("smtp"))
	cmd.Env = append(os.Environ(), "TEST_BYTE=y")
	p := dialogue.Start(t, cmd)
	p.Run(toSTARTTLS)
	secured(t, p, trusting(ca)).Run(`
		C: EHLO customer.example
		S: 250-SSLCTLFD=3
		S: 250-SSLREADFD=4
		S: 250-SSLWRITEFD=5
		S: 250 prog
		C: QUIT
		S: 221 bye
		S: <end>
	`)
	ended(t, p, 7)
}

// A customer that wants no TLS is served in plain.
func TestNoSTARTTLSAskedFor(t *testing.T) {
	_, cert := servercert(t)
	p := starting(t, prog("smtp"), "-s", "-c", cert)
	p.Run(`
		S: 220 prog
		C: NOOP
		S: 500 said NOOP
		C: QUIT
		S: 221 bye
		S: <end>
	`)
	ended(t, p, 7)
}

// If bytes were sent before the handshake, they are no part of the session inside TLS (RFC
// 3207 section 6, CVE-2011-0411): vodmr-tls takes it for a broken handshake.
func TestCommandsBeforeTheHandshake(t *testing.T) {
	_, cert := servercert(t)
	p := starting(t, prog("smtp"), "-s", "-c", cert)
	p.Expect("220 prog")
	p.Send("STARTTLS\r\nEHLO attacker.example\r\n")
	p.Expect("220 go on")
	p.ExpectEnd()
	ended(t, p, 9, `vodmr-tls: * error="TLS handshake: tls: first record does not look like a TLS handshake"`)
}

func TestSTARTTLSHandshakeRefused(t *testing.T) {
	_, cert := servercert(t)
	p := starting(t, prog("smtp"), "-s", "-c", cert)
	p.Run(toSTARTTLS)
	config := &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11, InsecureSkipVerify: true}
	if err := tls.Client(p.Net(), config).Handshake(); err == nil {
		t.Error("the handshake went through")
	}
	p.ExpectEnd()
	ended(t, p, 9, `vodmr-tls: * error="TLS handshake: tls: client offered only unsupported versions: *"`)
}

func TestUnknownControlByte(t *testing.T) {
	_, cert := servercert(t)
	cmd := wrap([]string{"-s", "-c", cert}, prog("smtp"))
	cmd.Env = append(os.Environ(), "TEST_BYTE=q")
	p := dialogue.Start(t, cmd)
	p.Run(toSTARTTLS + `
		C: NOOP
	`)
	ended(t, p, 8, `vodmr-tls: * error="the program sent 'q' on SSLCTLFD, not Y"`)
}

// A program that does without TLS and closes both the control descriptor and the
// connection has closed it for the customer, though it goes on.
func TestPlainProgramClosesAndGoesOn(t *testing.T) {
	_, cert := servercert(t)
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{{"-s", "-c", cert}, {"-s", "-c", "/nonexistent"}} {
		p := starting(t, append(shell(`printf 'bye\r\n'; exec 3>&- <&- >&-; read x <$0; exit 3`), fifo), flags...)
		p.Run(`
			S: bye
			S: <end>
		`)
		if err := os.WriteFile(fifo, []byte("go on\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _ := p.End(); code != 3 {
			t.Errorf("exit code %d, want 3", code)
		}
	}
}

package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/dialogue"
)

// selfSigned makes a certificate for 127.0.0.1, and the file that holds it.
func selfSigned(t *testing.T) (c tls.Certificate, file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	is := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, is, is, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func sha(c tls.Certificate) string {
	sum := sha256.Sum256(c.Certificate[0])
	return hex.EncodeToString(sum[:])
}

// shaOfKey is that of the public key.
func shaOfKey(t *testing.T, c tls.Certificate) string {
	t.Helper()
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

const (
	hello   = "S: EHLO *\nC: 250-p\n"
	inClear = "C: 220 p\n" + hello
	upToTLS = inClear + "C: 250-STARTTLS\nC: 250 AUTH CRAM-MD5\nS: STARTTLS\nC: 220 go\n"
	plain   = hello + "C: 250 AUTH PLAIN CRAM-MD5\nS: AUTH PLAIN AHUAc2VjcmV0\nC: 235 ok\n" + nothing
	nothing = "S: ATRN\nC: 453 none\n" + quit
	quit    = "S: QUIT\nC: 221 bye\nS: <end>\n"
)

// With a provider on 127.0.0.1: what the options mean, and what is the default.
func TestTLS(t *testing.T) {
	certificate, file := selfSigned(t)
	right, wrong, key := sha(certificate), strings.Repeat("0", 64), shaOfKey(t, certificate)
	pass := passfile(t, 0o600)
	for _, test := range []struct {
		args          string
		before, under string // what is said in clear, and under TLS
		code          int
		want          string
	}{
		{"", inClear + "C: 250 AUTH CRAM-MD5\n" + quit, "", 111, "*offers no STARTTLS*"},
		{"-T starttls", inClear + "C: 250 AUTH CRAM-MD5\n" + quit, "", 111, "*offers no STARTTLS*"},
		{"", upToTLS, "fails", 111, "*cannot be trusted*pin with -F*`vodmr-front -l' there*"},
		{"-C FILE", upToTLS, plain, 0, "*nothing waits*"},
		{"-F " + right, upToTLS, plain, 0, "*nothing waits*"},
		{"-F " + strings.ToUpper(right), upToTLS, plain, 0, "*nothing waits*"},
		{"-F " + wrong, upToTLS, "fails", 111, "*is not the one of -F*"},
		{"-F sha256:" + key, upToTLS, plain, 0, "*nothing waits*"},
		{"-F sha256:" + wrong, upToTLS, "fails", 111, "*is not the one of the pin*`vodmr-front -l' there*"},
		{"-T tls", "", "fails", 111, "*cannot be trusted*"},
		{"-T tls -C FILE", "", "C: 220 p\n" + plain, 0, "*nothing waits*"},
		{"-T tls -F " + right, "", "C: 220 p\n" + plain, 0, "*nothing waits*"},
		{"-T tls -F " + right, "C: 220 p\n", "", 111, "*does not begin with TLS*"},
		{"-T may", upToTLS, hello + "C: 250 AUTH CRAM-MD5\nS: AUTH CRAM-MD5\nC: 454 no\n" + quit, 111, "*454 no*"},
		{"-T may", inClear + "C: 250 AUTH CRAM-MD5\nS: AUTH CRAM-MD5\nC: 454 no\n" + quit, "", 111, "*454 no*"},
		{"-T none", inClear + "C: 250-STARTTLS\nC: 250 AUTH CRAM-MD5\nS: AUTH CRAM-MD5\nC: 454 no\n" + quit, "", 111, "*454 no*"},
	} {
		t.Run(test.args, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			args := strings.Fields(strings.ReplaceAll(test.args, "FILE", file))
			args = append(args, "-u", "u", "-p", pass, "-m", t.TempDir(), l.Addr().String())
			ended := begin(t, exec.Command(atrn(), args...))
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			p := dialogue.New(t, conn)
			p.Run(test.before)
			switch under := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}}); {
			case test.under == "fails":
				if err := under.Handshake(); err == nil {
					t.Error("the handshake went well")
				}
			case test.under != "":
				dialogue.New(t, under).Run(test.under)
			}
			p.Close()
			if code, log := ended(); code != test.code || !dialogue.Match(test.want, log) {
				t.Errorf("exit %d, %q; want %d, %q", code, log, test.code, test.want)
			}
		})
	}
}

// begin starts atrn; ended waits for its end.
func begin(t *testing.T, cmd *exec.Cmd) (ended func() (code int, log string)) {
	t.Helper()
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return func() (int, string) {
		_ = cmd.Wait() // the exit code says it
		return cmd.ProcessState.ExitCode(), log.String()
	}
}

// A command can lead to a provider with TLS, which only -F can tell from others.
func TestTLSThroughCommand(t *testing.T) {
	certificate, _ := selfSigned(t)
	for _, test := range []struct{ mode, before, greeting string }{
		{"starttls", upToTLS, ""},
		{"tls", "", "C: 220 p\n"},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		ended := begin(t, exec.Command(atrn(), "-u", "u", "-p", passfile(t, 0o600), "-m", t.TempDir(),
			"-T", test.mode, "-F", sha(certificate), "-e", "TUNNEL="+l.Addr().String()+" exec '"+self+"'"))
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		dialogue.New(t, conn).Run(test.before)
		under := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
		p := dialogue.New(t, under)
		p.Run(test.greeting + plain)
		p.Close()
		if code, log := ended(); code != 0 || log != "atrn: nothing waits at the command\n" {
			t.Errorf("%s: exit %d, %q", test.mode, code, log)
		}
	}
}

// tunnel joins descriptors 0 and 1 to an address, as ssh -W would.
func tunnel(address string) int {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 1
	}
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	if _, err := io.Copy(os.Stdout, conn); err != nil {
		return 1
	}
	return 0
}

func TestMisuseOfTLS(t *testing.T) {
	_, file := selfSigned(t)
	pass := passfile(t, 0o600)
	pin := strings.Repeat("0", 64)
	for _, test := range []struct{ args, want string }{
		{"-T ssl host true", `-T takes starttls, tls, may or none, not "ssl"`},
		{"-F 12:34 host true", `"12:34" is not the SHA-256`},
		{"-C /nonexistent host true", "cannot read the CA's certificate"},
		{"-C " + pass + " host true", "holds no certificate"},
		{"-C " + file + " -F " + pin + " host true", "give -C or -F"},
		{"-T none -F " + pin + " host true", "-C and -F mean nothing with -T none"},
		{"-T none -C " + file + " host true", "-C and -F mean nothing with -T none"},
		{"-T may -F " + pin + " host true", "-C and -F mean nothing with -T may"},
		{"-F " + pin + " -e true true", "say -T starttls or -T tls"},
		{"-C " + file + " -e true true", "say -T starttls or -T tls"},
		{"-T starttls -e true true", "say with -F which one is right"},
		{"-T tls -C " + file + " -e true true", "say with -F which one is right"},
	} {
		args := append([]string{"-u", "u", "-p", pass}, strings.Fields(test.args)...)
		if code, _, log := fetchWith(t, args...); code != 100 || !strings.Contains(log, test.want) {
			t.Errorf("atrn %s: exit %d, %q", test.args, code, log)
		}
	}
}

package main

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/loopback"
	"vodmr/test/kit/require"
)

// certificate writes a certificate and its key into one file.
func certificate(t *testing.T) (file string) {
	t.Helper()
	made, err := loopback.Certify("mail.example.net")
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(file, made.Secret, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// checkers are the checkpassword programs, both with the account
// odmr@example.org.
func checkers(t *testing.T) map[string][]string {
	file := accounts(t, t.TempDir(), "odmr@example.org")
	domains := strings.TrimPrefix(vchkpwDomains(t, "odmr"), "VCHKPW_DOMAINS=")
	vpasswd := filepath.Join(domains, "example.org/vpasswd")
	text, err := os.ReadFile(vpasswd)
	if err != nil {
		t.Fatal(err)
	}
	// Vchkpw checks a plain password against the crypt field.
	hashed := strings.Replace(string(text), "::", ":$5$abcdefgh$tFNN88AABkVPjSI.0cBtL0K7rQgVAV8NMw3rS9Futq2:", 1)
	if err := os.WriteFile(vpasswd, []byte(hashed), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string][]string{
		"vodmr-checkpw": {bin + "/vodmr-checkpw", file},
		"vchkpw":        {"env", "VCHKPW_DOMAINS=" + domains, bin + "/vchkpw"},
	}
}

// welcome is what comes behind a right password.
var welcome = []string{"sh", "-c", `printf x >&4; printf '235 2.7.0 welcome %s\r\n' $SSL_PROTOCOL; read line; printf '221 bye\r\n'`}

// Swaks, each mechanism and each checkpassword program.
func TestSwaksLogsInBySTARTTLS(t *testing.T) {
	require.Time(t)
	t.Parallel()
	swaks := require.Program(t, "swaks")
	if out, _ := exec.Command(swaks, "--support").CombinedOutput(); strings.Contains(string(out), "TLS not available") {
		require.Skip(t, "swaks has no TLS: it needs libnet-ssleay-perl")
	}
	cert := certificate(t)
	for name, checker := range checkers(t) {
		chain := append([]string{bin + "/vodmr-tls", "-s", "-c", cert, bin + "/vodmr", "-T", "mail.example.net"}, checker...)
		addr, _ := listen(t, nil, append(chain, welcome...)...)
		for _, mechanism := range []string{"PLAIN", "LOGIN", "CRAM-MD5"} {
			for password, want := range map[string]string{
				"tanstaaftanstaaf": "*<~  235 2.7.0 welcome TLSv1.3\n*",
				"wrong":            "*<~* 535 5.7.8 *",
			} {
				out, _ := exec.Command(swaks, "--server", addr, "--tls", "--quit-after", "AUTH", "--auth", mechanism,
					"--auth-user", "odmr@example.org", "--auth-password", password).CombinedOutput()
				if !dialogue.Match(want, string(out)) {
					t.Errorf("%s, %s, %s: want %q in\n%s", name, mechanism, password, want, out)
				}
			}
		}
	}
}

// OpenSSL's own client, which speaks STARTTLS for SMTP and then passes on what
// the test says.
func TestOpenSSLLogsInBySTARTTLS(t *testing.T) {
	openssl := require.Program(t, "openssl")
	cert := certificate(t)
	for name, checker := range checkers(t) {
		t.Run(name, func(t *testing.T) {
			chain := append([]string{bin + "/vodmr-tls", "-s", "-c", cert, bin + "/vodmr", "-T", "mail.example.net"}, checker...)
			addr, end := listen(t, nil, append(chain, welcome...)...)
			p := dialogue.Start(t, exec.Command(openssl, "s_client", "-quiet", "-starttls", "smtp", "-crlf",
				"-connect", addr, "-CAfile", cert, "-verify_return_error", "-verify_hostname", "mail.example.net"))
			plain := base64.StdEncoding.EncodeToString([]byte("\x00odmr@example.org\x00tanstaaftanstaaf"))
			p.Send("AUTH PLAIN " + plain + "\n")
			p.Run("S: 235 2.7.0 welcome TLSv1.3")
			p.Send("bye\n")
			p.Run("S: 221 bye")
			code, words := end()
			if code != 0 {
				t.Errorf("exit code %d", code)
			}
			// As root, vodmr-tls has a word to say about that.
			_, words, _ = strings.Cut(words, "vodmr: ")
			matchLines(t, words, `* login user=odmr@example.org mechanism=PLAIN ip=127.0.0.1 tls=yes`)
		})
	}
}

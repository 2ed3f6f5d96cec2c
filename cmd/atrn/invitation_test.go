package main

import (
	"crypto/tls"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/test/kit/dialogue"
)

// invitation writes one for login u.
func invitation(t *testing.T, host, query string, mode os.FileMode) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "invitation")
	if err := os.WriteFile(file, []byte("atrn://u:secret@"+host+"/?"+query+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
	return file
}

// All comes from the file but what stands beside it.
func TestInvitation(t *testing.T) {
	certificate, ca := selfSigned(t)
	right, wrong := "pin=sha256:"+shaOfKey(t, certificate), "pin=sha256:"+strings.Repeat("0", 64)
	whole := strings.Replace(plain, "S: ATRN\n", "S: ATRN a.example,b.example\n", 1)
	domains := "&domain=a.example&domain=b.example"
	other := strings.Replace(plain, "AHUAc2VjcmV0", "AHYAc2VjcmV0", 1) // login v
	for _, test := range []struct {
		query, args string
		host        string // in the file, if it is not the provider
		under       string
		code        int
		want        string
	}{
		{right + domains, "-f FILE -m DIR", "", whole, 0, "*nothing waits*"},
		{right + domains, "-f FILE -m DIR", "localhost", whole, 0, "*nothing waits*"}, // no such name is in the certificate
		{right, "-f FILE PROG -c true", "", plain, 0, "*nothing waits*"},
		{wrong, "-f FILE -m DIR", "", "fails", 111, "*not the one of the pin*`vodmr-front -l' there*"},
		{"", "-f FILE -m DIR", "", "fails", 111, "*cannot be trusted*"},
		{wrong, "-f FILE -C CA -m DIR", "", plain, 0, "*nothing waits*"},
		{wrong, "-f FILE -F sha256:KEY -m DIR", "", plain, 0, "*nothing waits*"},
		{right + domains, "-f FILE -u v -d c.example -m DIR", "", strings.Replace(other, "S: ATRN\n", "S: ATRN c.example\n", 1), 0, "*nothing waits*"},
		{right, "-f FILE -m DIR HOST", "192.0.2.1", plain, 0, "*nothing waits*"},
		{right, "HOST -f FILE -m DIR", "192.0.2.1", plain, 0, "*nothing waits*"},
		{right, "-f FILE -p PASS -m DIR", "", strings.Replace(plain, "AHUAc2VjcmV0", "AHUAb3RoZXI=", 1), 0, "*nothing waits*"},
	} {
		t.Run(test.args, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			host := l.Addr().String()
			_, port, _ := net.SplitHostPort(host)
			if test.host != "" {
				host = test.host + ":" + port
			}
			pass := passfile(t, 0o600)
			if err := os.WriteFile(pass, []byte("other\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			words := strings.NewReplacer("FILE", invitation(t, host, test.query, 0o600), "DIR", t.TempDir(), "CA", ca, "PROG", "sh",
				"KEY", shaOfKey(t, certificate), "HOST", l.Addr().String(), "PASS", pass)
			ended := begin(t, exec.Command(atrn(), strings.Fields(words.Replace(test.args))...))
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			p := dialogue.New(t, conn)
			p.Run(upToTLS)
			under := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
			if test.under != "fails" {
				dialogue.New(t, under).Run(test.under)
			} else if err := under.Handshake(); err == nil {
				t.Error("the handshake went well")
			}
			p.Close()
			if code, log := ended(); code != test.code || !dialogue.Match(test.want, log) || strings.Contains(log, "secret") {
				t.Errorf("exit %d, %q; want %d, %q", code, log, test.code, test.want)
			}
		})
	}
}

// A command with an invitation that has a pin begins TLS, since only that tells who is there.
func TestInvitationThroughCommand(t *testing.T) {
	pin := "pin=sha256:" + strings.Repeat("0", 64)
	for query, want := range map[string]string{
		pin: "*offers no STARTTLS*",
		"":  "*nothing waits*",
	} {
		code, _, log := fetchWith(t, "-f", invitation(t, "h", query, 0o600), "-m", t.TempDir(), "-e", provider(`say '453 none'; read a; say 221`))
		if !dialogue.Match(want, log) {
			t.Errorf("%q: exit %d, %q", query, code, log)
		}
	}
}

func TestMisuseOfInvitations(t *testing.T) {
	for _, test := range []struct {
		mode       os.FileMode
		args, want string
	}{
		{0o640, "-f FILE true", "has mode 0640, and it holds a password: run chmod 600 on it"},
		{0o604, "-n -f FILE", "has mode 0604"},
		{0o600, "-f /nonexistent true", "cannot read the invitation"},
		{0o600, "-f FILE", "say who receives"},
		{0o600, "-n h true", "-n shows an invitation"},
		{0o600, "-f FILE -T none -F " + strings.Repeat("0", 64) + " true", "mean nothing with -T none"},
	} {
		args := strings.Fields(strings.ReplaceAll(test.args, "FILE", invitation(t, "h", "domain=a.example", test.mode)))
		if code, out, log := fetchWith(t, args...); code != 100 || !strings.Contains(log, test.want) || strings.Contains(log, "secret") || out != "" {
			t.Errorf("atrn %s: exit %d, %q, %q", test.args, code, out, log)
		}
	}
	file := filepath.Join(t.TempDir(), "invitation")
	if err := os.WriteFile(file, []byte("atrn://u@h/"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, log := fetchWith(t, "-f", file, "true"); code != 100 || !strings.Contains(log, "holds no password: give -p") {
		t.Errorf("exit %d, %q", code, log)
	}
}

// The opener of standard input may be root, and atrn not.
func TestInvitationOnStandardInput(t *testing.T) {
	file, err := os.Open(invitation(t, "h", "domain=a.example", 0o600))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd := exec.Command(atrn(), "-f", "-", "-T", "none", "-m", t.TempDir(), "-e", provider(`say '453 none'; read a; say 221`))
	cmd.Stdin = file
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "atrn: nothing waits at the command\n" {
		t.Errorf("%v, %q", err, out)
	}
}

func TestShowInvitation(t *testing.T) {
	file := invitation(t, "[::1]:1366", "domain=a.example&pin=sha256:"+strings.Repeat("0", 64)+"&domain=b.example", 0o400)
	const want = "provider [::1]:1366\nlogin u\ndomain a.example\ndomain b.example\npin sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	if code, out, log := fetchWith(t, "-n", "-f", file); code != 0 || out != want || log != "" {
		t.Errorf("exit %d, %q, %q", code, out, log)
	}
}

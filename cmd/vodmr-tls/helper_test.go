package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/test/kit/dialogue"
)

// bin is the folder of vodmr-tls and of this test's own program, prog. Every
// user can run them.
var bin string

func TestMain(m *testing.M) {
	if part := os.Getenv("TEST_PROG"); part != "" {
		os.Exit(playProg(part))
	}
	os.Exit(withPrograms(m))
}

func withPrograms(m *testing.M) int {
	folder, err := os.MkdirTemp("", "vodmr-tls")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	bin = folder
	err = errors.Join(
		os.Chmod(folder, 0o755),
		dialogue.Build(folder, "vodmr/cmd/vodmr-tls"),
		copySelf(filepath.Join(folder, "prog")))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func copySelf(to string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o755)
}

// prog is a command line of this test's own program playing a part: see
// prog_test.go.
func prog(part string) []string {
	return []string{"env", "TEST_PROG=" + part, filepath.Join(bin, "prog")}
}

func shell(script string) []string { return []string{"sh", "-c", script} }

// wrap is vodmr-tls with these options in front of a program.
func wrap(flags []string, program []string) *exec.Cmd {
	return exec.Command(filepath.Join(bin, "vodmr-tls"), append(flags, program...)...)
}

// starting runs vodmr-tls on a socket.
func starting(t *testing.T, program []string, flags ...string) *dialogue.Process {
	t.Helper()
	return dialogue.Start(t, wrap(flags, program))
}

// secured goes through the handshake as the customer.
func secured(t *testing.T, p *dialogue.Process, config *tls.Config) *dialogue.Conn {
	t.Helper()
	conn := tls.Client(p.Net(), config)
	if err := conn.Handshake(); err != nil {
		t.Fatalf("handshake: %v", err)
	}
	return dialogue.New(t, conn)
}

// trusting is a customer that verifies the server's certificate.
func trusting(ca *authority) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(ca.certificate)
	return &tls.Config{RootCAs: pool, ServerName: "mail.example.net"}
}

// ended closes the connection, waits for vodmr-tls's end, and compares its exit
// code and its log.
func ended(t *testing.T, p *dialogue.Process, code int, patterns ...string) {
	t.Helper()
	p.Close()
	got, log := p.End()
	if got != code {
		t.Errorf("exit code %d, want %d", got, code)
	}
	lines := strings.Split(strings.TrimSuffix(withoutUserZero(log), "\n"), "\n")
	if len(patterns) == 0 {
		patterns = []string{""}
	}
	if len(lines) != len(patterns) {
		t.Fatalf("log: got %q, want %q", lines, patterns)
	}
	for i, pattern := range patterns {
		if !dialogue.Match(pattern, lines[i]) {
			t.Errorf("log: got %q, want %q", lines[i], pattern)
		}
	}
}

// withoutUserZero leaves out the line that a test run as root causes each time;
// TestEqualUsersAreLogged looks for it.
func withoutUserZero(log string) string {
	var kept strings.Builder
	for line := range strings.Lines(log) {
		if !strings.Contains(line, "both run as user 0:") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"vodmr/test/kit/dialogue"
)

// look runs the program.
func look(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(args, &out, &err)
	return code, out.String(), err.String()
}

func TestMisuse(t *testing.T) {
	for _, args := range [][]string{
		{"-z"}, {"-d"}, {"-p", ""}, {"-a", "bob@example.org"}, {"-p", "0"}, {"-p", "65536"}, {""}, {"-r", "--", "odmr@example.org", ""}, {"-q", "qmail"}, {"-x", "rules.cdb"},
	} {
		if config, err := parse(args); err == nil {
			t.Errorf("%q gave %+v", args, config)
		}
	}
}

// A number is a port; any other word gets a probe.
func TestPortAndProbe(t *testing.T) {
	config, err := parse([]string{"-p", "366", "-p", "odmr@example.org", "-a", "bob@example.org", "-o", "mx.example.net", "eve"})
	if err != nil || config.Port != 366 || config.Probe != "odmr@example.org" || config.To != "bob@example.org" || config.Out25 != "mx.example.net" || len(config.Logins) != 1 {
		t.Errorf("%+v, %v", config, err)
	}
}

// A probe alone does not look at the rest of the site.
func TestProbeAlone(t *testing.T) {
	dir := t.TempDir()
	code, stdout, stderr := look("-d", dir, "-q", dir, "-p", "nobody@example.org")
	if code != exitWrong || stderr != "" || !strings.HasPrefix(stdout, "wrong nobody@example.org: cannot get a probe") || strings.Count(stdout, "wrong ") != 1 {
		t.Errorf("exit %d, %q\n%s", code, stderr, stdout)
	}
}

// Options may stand behind logins.
func TestOptionsBehindLogins(t *testing.T) {
	config, err := parse([]string{"eve", "-r", "bob", "-q", "/q", "--", "-x"})
	if err != nil || !config.Report || config.Qmail != "/q" || strings.Join(config.Logins, " ") != "eve bob -x" {
		t.Errorf("%+v, %v", config, err)
	}
}

func TestWhatIsNotThereCannotBeLookedAt(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{{"-d", dir + "/none"}, {"-d", dir, "-q", dir + "/none"}} {
		code, _, stderr := look(args...)
		if code != exitTemporary || !strings.Contains(stderr, dir+"/none is no directory") {
			t.Errorf("%q: exit %d, %q", args, code, stderr)
		}
	}
}

// If nobody listens on the port the exit code says that something is wrong. If the port
// answers, the rest of this site is doubtful at most.
func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"qmail/control/me": "mail.provider.test\n", "qmail/control/rcpthosts": "mail.provider.test\n",
		"service/run": "#!/bin/sh\nexec " + dir + "/vodmr mail.provider.test " + dir + "/checkpw " + dir + "/vodmr-relay -q " + dir + "/qmail\n",
		"vodmr":       "", "checkpw": "", "vodmr-relay": "", "qmail/bin/qmail-queue": "",
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir+"/qmail/bin/qmail-queue", 0o755|os.ModeSetuid)); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	go func() {
		if conn, err := listener.Accept(); err == nil {
			defer conn.Close()
			_, _ = conn.Write([]byte("220 mail.provider.test ready\r\n"))
			_, _ = conn.Read(make([]byte, 100))
			_, _ = conn.Write([]byte("250-mail.provider.test\r\n250-AUTH CRAM-MD5\r\n250 ATRN\r\n"))
			_, _ = conn.Read(make([]byte, 100))
		}
	}()
	args := []string{"-d", dir + "/service", "-p", port}
	if code, stdout, stderr := look(args...); code != 0 || stderr != "" || !strings.Contains(stdout, "\ndoubtful logins: ") ||
		!strings.Contains(stdout, "\nok port "+port+": ") || !strings.Contains(stdout, " 0 wrong, 2 doubtful\n") {
		t.Errorf("exit %d, %q\n%s", code, stderr, stdout)
	}
	listener.Close()
	port = strconv.Itoa(dialogue.NobodysPort(t))
	args[len(args)-1] = port
	if code, stdout, _ := look(args...); code != exitWrong || !strings.Contains(stdout, "\nwrong port "+port+": ") {
		t.Errorf("a port that nobody has: exit %d\n%s", code, stdout)
	}
	if code := run(args, full{}, &bytes.Buffer{}); code != exitTemporary {
		t.Errorf("output that nobody takes: exit %d", code)
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// bin is the folder of what TestMain built.
var bin string

func TestMain(m *testing.M) {
	if address := os.Getenv("TUNNEL"); address != "" {
		os.Exit(tunnel(address))
	}
	os.Exit(dialogue.Main(m, &bin, "vodmr/cmd/atrn"))
}

// atrn is the program that the tests run.
func atrn() string { return filepath.Join(bin, "atrn") }

// passfile writes a password file.
func passfile(t *testing.T, mode os.FileMode) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pass")
	if err := os.WriteFile(file, []byte("secret\n"), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
	return file
}

// provider is a shell command that plays a provider for login u up to ATRN, and
// then what is given; say writes lines.
func provider(after string) string {
	challenge := "<1.2@p>"
	answer := base64.StdEncoding.EncodeToString([]byte("u " + dialogue.CRAM("secret", challenge)))
	return `say() { printf '%s\r\n' "$@"; }; say '220 p'; read a; say '250-p' '250 AUTH CRAM-MD5'; read a; ` +
		`say '334 ` + base64.StdEncoding.EncodeToString([]byte(challenge)) + `'; read a; ` +
		`case $a in ` + answer + `?) say '235 ok';; *) say '535 5.7.8 no';; esac; read a; ` + after
}

// fetchWith runs atrn to its end.
func fetchWith(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(atrn(), args...)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), log.String()
}

func TestMisuse(t *testing.T) {
	pass := passfile(t, 0o600)
	for _, test := range []struct {
		args  string
		want  string
		usage bool
	}{
		{"", "no PROVIDER", true},
		{"-x", `unknown option "-x"`, true},
		{"-u u -p PASS host", "say who receives", true},
		{"-u u -p PASS -m dir host true", "only one of them", true},
		{"-u u -p PASS -s a -m dir host", "-s and -m each say who receives: give one", true},
		{"-u u -p PASS -e true", "say who receives", true},
		{"host true", "give -u and -p", true},
		{"-u u host true", "give -u and -p", true},
		{"-p PASS host true", "give -u and -p", true},
		{"-p PASS -e true true", "give -u and -p", true},
		{"-i 5x host true", `option -i: it takes a whole number from 1 to 31536000, without a unit, not "5x"`, true},
		{"-i=x host true", `without a unit, not "=x"`, true},
		{"-i 0 host true", "option -i: it takes", true},
		{"host -s h -i -5", `unknown option "-5"`, true},
		{"-z -5 host true", "option -z: it takes", true},
		{"-w -5 host true", "option -w: it takes", true},
		{"-w 5 -i host true", "-w ends a session", true},
		{"-z 10k host -m dir", `option -z: it takes a whole number of at least 1, without a unit, not "10k"`, true},
		{"-z 10 host -s h", "-z limits what atrn itself receives: it needs -m", true},
		{"host -e true", `leave "host" out`, true},
		{"host -F", "option -F needs a value: PIN", true},
		{"-u u -p PASS host -Q dir", `unknown option "-Q"`, true},
		{"-u u -p PASS host:none true", "not a port", false},
		{"-u u -p PASS [::1 true", "not an address", false},
		{"-u u -p PASS -s a:0 host", "not a port", false},
		{"-u u -p PASS -d a,,b host true", "not a domain", false},
		{"-u u -p /nonexistent host true", "cannot read the password", false},
		{"-u u -p PASS host /nonexistent", "no such program", false},
	} {
		args := strings.Fields(strings.ReplaceAll(test.args, "PASS", pass))
		code, out, log := fetchWith(t, args...)
		if code != 100 || !strings.Contains(log, test.want) || strings.Contains(log, "usage: atrn") != test.usage || out != "" {
			t.Errorf("atrn %s: exit %d, %q, %q", test.args, code, out, log)
		}
	}
}

func TestHelp(t *testing.T) {
	if code, out, log := fetchWith(t, "-h"); code != 0 || log != "" || !strings.HasPrefix(out, "usage: atrn") {
		t.Errorf("exit %d, %q, %q", code, out, log)
	}
}

func TestExitCodes(t *testing.T) {
	pass := passfile(t, 0o600)
	for _, test := range []struct {
		after, login string
		code         int
		want         string
	}{
		{`say '453 none'; read a; say 221`, "u", 0, "atrn: nothing waits at the command\n"},
		{`say '450 4.7.1 not yours: d'`, "u", 69, "atrn: the provider refused a domain*: 450 4.7.1 not yours: d*\n"},
		{`say '450 4.7.1 too soon'`, "u", 111, "atrn: *wait longer*\n"},
		{`exit 3`, "u", 111, "atrn: *(the command ended with exit status 3)\n"},
		{`say 221`, "stranger", 77, "atrn: the provider refused the login stranger*535 5.7.8 no\n"},
		{`say '250 go' 'HELO p' 'MAIL FROM:<>' 'RCPT TO:<x>' QUIT; cat >/dev/null`, "u", 65,
			"atrn: the command: fetched 0, refused 1: 550 5.7.1 that domain is not one of ours\natrn: the receiving side refused all mail*\n"},
		{`say '250 go' QUIT; cat >/dev/null`, "u", 0, "atrn: fetched 0 messages, 0 bytes from the command\n"},
	} {
		code, _, log := fetchWith(t, "-u", test.login, "-p", pass, "-m", t.TempDir(), "-e", provider(test.after))
		if code != test.code || !dialogue.Match(test.want, log) {
			t.Errorf("%s: exit %d, %q", test.after, code, log)
		}
	}
}

// The program gets the domains out, and its PROG keeps its own flags.
func TestFetchIntoProgram(t *testing.T) {
	asked := filepath.Join(t.TempDir(), "asked")
	code, _, log := fetchWith(t, "-u", "u", "-p", passfile(t, 0o604), "-d", "a.example,b.example",
		"-e", provider(`printf '%s' "$a" >`+asked+`; say '250 go'; read a; say QUIT; read a`),
		"sh", "-c", `printf '220 x\r\n'; read a; printf '221 y\r\n'; echo "$0 $a" >&2`, "-m")
	got, err := os.ReadFile(asked)
	if err != nil || string(got) != "ATRN a.example,b.example\r" {
		t.Errorf("asked %q, %v", got, err)
	}
	if code != 0 || !dialogue.Match("atrn: everybody can read *: chmod 600 it\n-m QUIT\r\natrn: fetched 0 messages*", log) {
		t.Errorf("exit %d, %q", code, log)
	}
}

// A closed standard error costs only the words.
func TestStandardErrorClosed(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(atrn(), "-u", "u", "-p", passfile(t, 0o604), "-m", dir,
		"-e", provider(`say '250 go' 'HELO p' 'MAIL FROM:<>' 'RCPT TO:<a@b.example>' 'BDAT 1 LAST' ; printf x; say QUIT; cat >/dev/null`))
	reading, writing, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reading.Close()
	defer writing.Close()
	cmd.Stderr = writing
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "new")); err != nil || len(entries) != 1 {
		t.Errorf("delivered %v, %v", entries, err)
	}
}

// startRepeating starts atrn with a command as its provider and more arguments,
// and waits until its standard error shows the text.
func startRepeating(t *testing.T, command, until string, args ...string) (cmd *exec.Cmd, log *bufio.Reader) {
	t.Helper()
	args = append([]string{"-u", "u", "-p", passfile(t, 0o600), "-e", command}, args...)
	cmd = exec.Command(atrn(), args...)
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	log = bufio.NewReader(pipe)
	for {
		line, err := log.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if dialogue.Match(until, line) {
			return cmd, log
		}
	}
}

func TestSignals(t *testing.T) {
	require.Time(t)
	for _, test := range []struct{ name, after, until, then string }{
		{"between sessions", `say '453 none'`, "atrn: nothing waits*", ""},
		{"after a failure", `say '451 locked'`, "atrn: next try in *", ""},
		{"amid a session", `say '250 go'; read a; echo "$a" >&2; while read a; do echo "$a" >&2; done`, "220 *", "421 4.3.2 *cut short*"},
	} {
		for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
			for _, repeating := range []string{"-i 3600", "-i3600", "-i"} {
				t.Run(fmt.Sprint(test.name, signal, repeating), func(t *testing.T) {
					flags := append(strings.Fields(repeating), "-m", t.TempDir())
					cmd, log := startRepeating(t, provider(test.after), test.until, flags...)
					endBy(t, signal, cmd, log, test.then+"*")
				})
			}
		}
	}
}

// endBy sends a signal, after which atrn must end well and say what is wanted.
func endBy(t *testing.T, signal os.Signal, cmd *exec.Cmd, log *bufio.Reader, want string) {
	t.Helper()
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	var rest strings.Builder
	if _, err := log.WriteTo(&rest); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
	if !dialogue.Match(want, rest.String()) {
		t.Errorf("said %q, want %q", rest.String(), want)
	}
}

package auth

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"vodmr/test/kit/dialogue"
)

var credentials = Credentials{"odmr@example.org", "b913a602c7eda7a495b4e6e7334d3890", "<1.2@mail>"}

// far is a deadline that only a broken program reaches.
func far() time.Time { return time.Now().Add(time.Minute) }

// shell makes a checkpassword program of a shell script, in the folder that it
// runs: $1 is that folder.
func shell(t *testing.T, script string) (p Program, folder string) {
	t.Helper()
	folder = t.TempDir()
	return Program{
		Argv:    []string{"sh", "-c", script, "sh", folder},
		Environ: os.Environ(),
		Host:    "mail.example.net",
		Session: "4711",
	}, folder
}

func TestCheckProved(t *testing.T) {
	for _, test := range []struct {
		name, script string
		code         int
	}{
		{"byte, then a session", `printf x >&4; exec 4>&-; sleep 0.1; exit 7`, 7},
		{"byte, then exit at once", `printf x >&4; exit 100`, 100},
		{"byte, then a crash", `printf x >&4; kill -9 $$`, 111},
		{"more than a byte", `printf xyz >&4`, 0},
		{"refusal's code after the byte", `printf x >&4; exit 1`, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, _ := shell(t, test.script)
			child, err := p.Check(credentials, far())
			if err != nil {
				t.Fatal(err)
			}
			if code := child.ExitCode(); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
		})
	}
}

func TestCheckNotProved(t *testing.T) {
	for _, test := range []struct {
		name, script string
		refused      bool
		reason       string
	}{
		{"checkpassword's refusal", `exit 1`, true, "*exited 1"},
		{"vchkpw's refusal", `exit 3`, true, "*exited 3"},
		{"no login", `exit 12`, true, "*exited 12"},
		{"no password", `exit 13`, true, "*exited 13"},
		{"bad syntax", `exit 20`, true, "*exited 20"},
		{"system user", `exit 24`, true, "*exited 24"},
		{"misuse", `exit 2`, false, "*exited 2"},
		{"set-up trouble", `exit 4`, false, "*exited 4"},
		{"no descriptor 3", `exit 11`, false, "*exited 11"},
		{"beyond system users", `exit 25`, false, "*exited 25"},
		{"try later", `exit 111`, false, "*exited 111"},
		{"ends well but proves nothing", `exit 0`, false, "*exited 0 but nothing wrote to descriptor 4"},
		{"crash", `kill -SEGV $$`, false, "*died of SIGSEGV"},
		{"closes descriptor 4, then refuses", `exec 4>&-; sleep 0.1; exit 1`, true, "*exited 1"},
		{"closes descriptor 4, then ends well", `exec 4>&-; sleep 0.1; exit 0`, false, "*exited 0*"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, _ := shell(t, test.script)
			_, err := p.Check(credentials, far())
			if err == nil {
				t.Fatal("logged in")
			}
			if errors.Is(err, ErrRefused) != test.refused || !dialogue.Match(test.reason, err.Error()) {
				t.Errorf("got %v, want refused %v, %s", err, test.refused, test.reason)
			}
		})
	}
}

// A program that is left behind with descriptor 4 open does not delay the
// verdict.
func TestCheckDescriptorLeftOpen(t *testing.T) {
	p, folder := shell(t, `sleep 100 >/dev/null 2>&1 & echo $! >$1/pid; exit 1`)
	deadline := time.Now().Add(20 * time.Second)
	_, err := p.Check(credentials, deadline)
	kill(t, folder)
	if !errors.Is(err, ErrRefused) || !time.Now().Before(deadline) {
		t.Errorf("got %v, want a refusal before the deadline", err)
	}
}

func kill(t *testing.T, folder string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
}

func TestCheckKillsAtTheDeadline(t *testing.T) {
	for name, script := range map[string]string{
		"silent":                          `echo $$ >$1/pid; exec sleep 100`,
		"silent with descriptor 4 closed": `echo $$ >$1/pid; exec 4>&-; exec sleep 100`,
	} {
		t.Run(name, func(t *testing.T) {
			p, folder := shell(t, script)
			_, err := p.Check(credentials, time.Now().Add(300*time.Millisecond))
			if err == nil || errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "killed") {
				t.Errorf("got %v, want that it was killed", err)
			}
			text, _ := os.ReadFile(filepath.Join(folder, "pid"))
			if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && syscall.Kill(pid, 0) != syscall.ESRCH {
				t.Errorf("process %d is still there", pid)
			}
		})
	}
}

func TestCheckCannotStart(t *testing.T) {
	folder := t.TempDir()
	script := filepath.Join(folder, "script")
	if err := os.WriteFile(script, []byte("#!/nonexistent/interpreter\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for program, reason := range map[string]string{
		"/nonexistent/vchkpw": "/nonexistent/vchkpw: no such file or directory",
		"no-such-program":     "no-such-program: not found in PATH: *",
		folder:                folder + ": permission denied",
		script:                script + ": no such file or directory",
	} {
		p := Program{Argv: []string{program}, Environ: []string{"PATH=/usr/bin:/bin"}}
		_, err := p.Check(credentials, far())
		if err == nil || errors.Is(err, ErrRefused) || !dialogue.Match(reason, err.Error()) {
			t.Errorf("%s: got %v, want %s", program, err, reason)
		}
	}
}

func TestCheckHandsDownCredentials(t *testing.T) {
	p, folder := shell(t, `cat <&3 >$1/input; exit 1`)
	_, err := p.Check(credentials, far())
	if !errors.Is(err, ErrRefused) {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(folder, "input"))
	if err != nil {
		t.Fatal(err)
	}
	want := "odmr@example.org\x00b913a602c7eda7a495b4e6e7334d3890\x00<1.2@mail>\x00"
	if string(got) != want {
		t.Errorf("descriptor 3 held %q, want %q", got, want)
	}
}

// Descriptors: 0, 1, 2, the credentials and the pipe for the byte; neither
// pipe's other end.
func TestCheckHandsDownFiveDescriptors(t *testing.T) {
	p, folder := shell(t, `for fd in 0 1 2 3 4 5 6 7 8 9; do (eval ": <&$fd") 2>/dev/null && echo $fd; done >$1/fds; exit 1`)
	if _, err := p.Check(credentials, far()); !errors.Is(err, ErrRefused) {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(folder, "fds"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "0\n1\n2\n3\n4\n"; string(got) != want {
		t.Errorf("open descriptors %q, want %q", got, want)
	}
}

// A customer may try three times, and what stays open stays for hours.
func TestCheckLeavesNoDescriptorOpen(t *testing.T) {
	p, _ := shell(t, `case $TRY in byte) printf x >&4;; esac; exit 1`)
	before := openDescriptors()
	for _, try := range []string{"TRY=refused", "TRY=byte"} {
		p.Environ = append(os.Environ(), try)
		if child, err := p.Check(credentials, far()); err == nil {
			child.Wait()
		}
		if diff := cmp.Diff(before, openDescriptors()); diff != "" {
			t.Errorf("%s: %s", try, diff)
		}
	}
	p.Argv = []string{"/nonexistent/vchkpw"}
	if _, err := p.Check(credentials, far()); err == nil {
		t.Error("a program that does not exist was started")
	}
	if diff := cmp.Diff(before, openDescriptors()); diff != "" {
		t.Errorf("a program that cannot start: %s", diff)
	}
}

// openDescriptors lists this process's descriptors.
func openDescriptors() (open []int) {
	for fd := range 256 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			open = append(open, fd)
		}
	}
	return open
}

func TestEnviron(t *testing.T) {
	from := []string{
		"PATH=/bin", "TCPLOCALPORT=366", "TCPREMOTEIP=192.0.2.1",
		"VPOPUSER=x", "USER=x", "HOME=/x", "SHELL=/x",
		"SSLCTLFD=5", "SSLREADFD=6", "SSLWRITEFD=7",
		"VODMR_AUTHFD=9", "VODMR_HOST=x", "VODMR_SESSION=1", "VODMR_WINDOW=4", "USERS=kept",
	}
	p := Program{Environ: from, Host: "mail.example.net", Session: "4711", Port: "587"}
	want := []string{
		"PATH=/bin", "TCPREMOTEIP=192.0.2.1", "VODMR_WINDOW=4", "USERS=kept",
		"VODMR_HOST=mail.example.net", "VODMR_SESSION=4711", "VODMR_AUTHFD=4", "TCPLOCALPORT=587", "GOMAXPROCS=1",
	}
	if diff := cmp.Diff(want, p.environ()); diff != "" {
		t.Error(diff)
	}
	p.Environ = append(from, "GOMAXPROCS=4")
	if got := value(p.environ(), "GOMAXPROCS"); got != "4" {
		t.Errorf("GOMAXPROCS=%s, want the administrator's", got)
	}
	p.Port = ""
	if got := value(p.environ(), "TCPLOCALPORT"); got != "366" {
		t.Errorf("TCPLOCALPORT=%s, want it left alone", got)
	}
}

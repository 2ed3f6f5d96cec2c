//go:build amd64

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/require"
)

// calls are the system calls at which the program is killed, and which fail.
var calls = []string{
	"read", "poll", "ppoll", "write", "openat", "unlinkat", "fcntl", "close", "close_range", "pipe2", "clone", "execve", "newfstatat", "wait4", "waitid", "pread64", "rt_sigaction", "exit_group",
}

// Killed at any system call, or if any fails, the message is sent once or not at all, and
// whole. It is sent if the program says so.
func TestKilledOrFailingAtEachCall(t *testing.T) {
	require.Time(t)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil { // what it leaves behind is ours
		t.Fatal(err)
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }()
	sent, unsent := 0, 0
	for _, what := range []string{"kill", "EIO", "short"} {
		for _, call := range calls {
			if !sensible(what, call) {
				continue
			}
			for n := 1; ; n++ {
				struck, took := injected(t, call, n, what)
				if !struck {
					break
				}
				sent, unsent = sent+took, unsent+1-took
			}
		}
	}
	t.Logf("sent %d times, not sent %d times", sent, unsent)
	if sent < 10 || unsent < 10 {
		t.Errorf("sent %d times, not sent %d times: the faults do not reach the program", sent, unsent)
	}
}

// sensible reports if a fault can happen. Linux closes a descriptor even if it reports an
// error.
func sensible(what, call string) bool {
	if what == "short" {
		return call == "read" || call == "write"
	}
	return what == "kill" || call != "close" && call != "exit_group" && call != "rt_sigaction"
}

// injected runs the program once with a fault. took is how many messages were sent.
func injected(t *testing.T, call string, n int, what string) (struck bool, took int) {
	t.Helper()
	_, folder := queue(t)
	dir := t.TempDir()
	report, message, envelope := dir+"/report", dir+"/message", dir+"/envelope"
	const content = "Subject: x\n\nwhole\n"
	write(t, message, content)
	write(t, envelope, "Fann@s.test\x00Tbob@x.test\x00\x00")
	in, _ := os.Open(message)
	defer in.Close()
	out, _ := os.Open(envelope)
	defer out.Close()
	cmd := exec.Command(bin+"/inject", "-o", report, call, strconv.Itoa(n), what, bin+"/vodmr-sendmail")
	cmd.Stdin, cmd.Stdout = in, out
	_ = cmd.Run()
	for {
		if _, err := unix.Wait4(-1, nil, 0, nil); err == unix.ECHILD {
			break
		}
	}
	got := read(t, folder, "message")
	if len(got) > 1 || len(got) == 1 && got[0] != content {
		t.Errorf("%s at %s %d: sent %q", what, call, n, got)
	}
	if cmd.ProcessState.ExitCode() == 0 && len(got) != 1 {
		t.Errorf("%s at %s %d: it says that the message was sent, and it was not", what, call, n)
	}
	left, _ := filepath.Glob(os.Getenv("TMPDIR") + "/*")
	if len(left) > 0 && !(what == "kill" || call == "unlinkat") {
		t.Errorf("%s at %s %d: left behind: %q", what, call, n, left)
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	return strings.HasPrefix(string(text), "struck "), len(got)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"vodmr/test/kit/logformat"
)

// start runs a program of ours in a process group of its own, its words going to the
// file log, which must be as the manual says. All of the group ends with the test.
func start(t testing.TB, cmd *exec.Cmd, log string) {
	t.Helper()
	t.Cleanup(func() {
		if text, err := os.ReadFile(log); err == nil {
			logformat.Test(t, string(text))
		}
	})
	startOther(t, cmd, log)
}

// startOther runs a program of somebody else's likewise.
func startOther(t testing.TB, cmd *exec.Cmd, log string) {
	t.Helper()
	file, err := os.OpenFile(log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if cmd.Stdout == nil {
		cmd.Stdout = file
	}
	cmd.Stderr = file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, cmd, log) })
}

// end ends a process group: kindly, then surely.
func end(t testing.TB, cmd *exec.Cmd, log string) {
	pid := cmd.Process.Pid
	syscall.Kill(-pid, syscall.SIGTERM)
	sure := time.AfterFunc(10*time.Second, func() { syscall.Kill(-pid, syscall.SIGKILL) })
	cmd.Wait()
	sure.Stop()
	syscall.Kill(-pid, syscall.SIGKILL)
	if t.Failed() {
		showLog(t, log)
	}
}

// showLog puts a log into the words of a failed test.
func showLog(t testing.TB, log string) {
	text, err := os.ReadFile(log)
	if err == nil {
		t.Logf("%s:\n%s", filepath.Base(log), text[max(0, len(text)-20000):])
	}
}

// run runs a program to its end, which it must reach in time, and gives its
// exit code and all that it said.
func run(t testing.TB, limit time.Duration, cmd *exec.Cmd) (code int, output string) {
	t.Helper()
	var said lockedBuffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(limit, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	err := cmd.Wait()
	if !late.Stop() {
		text := said.String()
		t.Fatalf("%s did not end within %v: ...%s", cmd.Path, limit, text[max(0, len(text)-4000):])
	}
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), said.String()
}

// eventually waits until something is so, and fails if it takes too long.
func eventually(t testing.TB, limit time.Duration, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v in vain: %s", limit, what)
		}
	}
}

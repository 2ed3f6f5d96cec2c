package confine

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// After Enter and CloseOff a process opens no file and no connection, and does nothing to
// another process of its own user, even if it is root. The program is one without C, since
// one with C, such as a test that looks for races, has other threads to take rights from.
func TestCloseOff(t *testing.T) {
	if !Kernels().Files {
		require.Skip(t, "this kernel has no Landlock")
	}
	folder := t.TempDir()
	if err := dialogue.Build(folder, "vodmr/test/standin/confined"); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"open /etc/passwd": "open /etc/passwd: permission denied", "open /": "open /: permission denied",
		"open /proc/self/exe": "open /proc/self/exe: permission denied", "open /var/empty": "open /var/empty: permission denied",
		"write a file": "open /tmp/vodmr-confined: permission denied",
		"kill":         "operation not permitted", "tgkill": "operation not permitted",
		"pidfd_send_signal": "operation not permitted", "prlimit": "operation not permitted",
		"own thread": "<nil>", "ptrace": "operation not permitted",
	}
	if Kernels().Ports {
		want["connect"] = "operation not permitted"
	}
	tried := tries(t, exec.Command(folder+"/confined", victim(t, nil)))
	for what, outcome := range want {
		if tried[what] != outcome {
			t.Errorf("%s: %s, want %s", what, tried[what], outcome)
		}
	}
}

// victim starts a process that does nothing, and returns its id.
func victim(t *testing.T, as *syscall.Credential) string {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return strconv.Itoa(cmd.Process.Pid)
}

// tries runs the program and returns what came of each of its tries.
func tries(t *testing.T, cmd *exec.Cmd) map[string]string {
	t.Helper()
	var failure bytes.Buffer
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s%s", err, out, failure.String())
	}
	found := map[string]string{}
	for line := range strings.Lines(string(out)) {
		what, outcome, _ := strings.Cut(strings.TrimSpace(line), ": ")
		found[what] = outcome
	}
	return found
}

// The same with an account of its own, beside another process of that account.
func TestConfinedAccount(t *testing.T) {
	require.Root(t, "to become another user")
	folder := t.TempDir()
	if err := dialogue.Build(folder, "vodmr/test/standin/confined"); err != nil {
		t.Fatal(err)
	}
	daemon, err := LookUp("daemon")
	if err != nil {
		t.Fatal(err)
	}
	tried := tries(t, exec.Command(folder+"/confined", victim(t, daemon.Credential()), "daemon"))
	for _, what := range []string{"kill", "tgkill", "pidfd_send_signal", "prlimit", "ptrace", "become root"} {
		if tried[what] != "operation not permitted" {
			t.Errorf("%s: %s", what, tried[what])
		}
	}
	for _, name := range []string{"/etc/passwd", "/proc/self/exe"} {
		if !strings.Contains(tried["open "+name], "permission denied") && !strings.Contains(tried["open "+name], "no such file") {
			t.Errorf("%s: %s", name, tried["open "+name])
		}
	}
	if _, err := os.Stat("/tmp/vodmr-confined"); err == nil {
		t.Error("it wrote a file")
	}
}

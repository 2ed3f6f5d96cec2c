package dialogue

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/logformat"
)

// A Process is a program that talks to the test on its descriptors 0 and 1.
type Process struct {
	*Conn
	cmd    *exec.Cmd
	stderr string
}

// Start runs a program with a socket as descriptors 0 and 1, as tcpserver would, and
// a file as standard error. When the test ends, the program is killed before the
// test's folders are removed.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	conn, far := Pair(t)
	stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = far, far, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	far.Close()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &Process{Conn: conn, cmd: cmd, stderr: stderr.Name()}
}

// PID is the program's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Logged waits until the program's standard error has a text.
func (p *Process) Logged(want string) {
	p.t.Helper()
	text := ""
	for end := time.Now().Add(patience()); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		all, err := os.ReadFile(p.stderr)
		if err != nil {
			p.t.Fatal(err)
		}
		if text = string(all); strings.Contains(text, want) {
			return
		}
	}
	p.t.Fatalf("no %q in the log:\n%s", want, text)
}

// End waits for the program's end. It returns its exit code, or -1 if a signal ended
// it, and the text that it and its children wrote to standard error; each line must
// have a form that vodmr-log(5) gives.
func (p *Process) End() (code int, stderr string) {
	p.t.Helper()
	var exit *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	text, err := os.ReadFile(p.stderr)
	if err != nil {
		p.t.Fatal(err)
	}
	logformat.Test(p.t, string(text))
	return p.cmd.ProcessState.ExitCode(), string(text)
}

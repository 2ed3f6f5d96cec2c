package child

import (
	"os"
	"syscall"
	"testing"
	"time"

	"vodmr/internal/fdio"
)

func start(t *testing.T, script string) *Child {
	t.Helper()
	c, err := Start("/bin/sh", []string{"sh", "-c", script}, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestExitCode(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -9 $$": ExitTemporary} {
		if got := start(t, script).ExitCode(); got != want {
			t.Errorf("%s: got %d, want %d", script, got, want)
		}
	}
}

func TestErrorSaysHowAProgramEnded(t *testing.T) {
	for script, want := range map[string]string{"exit 7": "exit status 7", "kill -9 $$": "signal: killed"} {
		if err := Error(start(t, script).Wait()); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", script, err, want)
		}
	}
	if err := Error(start(t, "exit 0").Wait()); err != nil {
		t.Errorf("exit 0: %v", err)
	}
}

// A program that hangs gets SIGTERM; one that ignores that is killed.
func TestEnd(t *testing.T) {
	const hang = "echo; while :; do sleep 0.01; done"
	for script, want := range map[string]string{hang: "signal: terminated", "trap '' TERM; " + hang: "signal: killed"} {
		r, w, err := fdio.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		c, err := Start("/bin/sh", []string{"sh", "-c", script}, &syscall.ProcAttr{Files: []uintptr{0, uintptr(w), 2}})
		if err != nil {
			t.Fatal(err)
		}
		fdio.Readable(time.Time{}, r) // the trap is set
		c.End(0, 100*time.Millisecond)
		if err := Error(c.Wait()); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", script, err, want)
		}
		for _, fd := range []int{r, w, c.Ended()} {
			fdio.Close(fd)
		}
	}
}

// A program that ends by itself gets no signal, nor does the process that has its id then.
func TestEndOfItself(t *testing.T) {
	c := start(t, "exit 3")
	c.End(time.Minute, 0)
	if err := Error(c.Wait()); err == nil || err.Error() != "exit status 3" {
		t.Errorf("got %v", err)
	}
	c.pid = os.Getpid()
	c.Signal(syscall.SIGKILL)
}

// What a program leaves behind does not count as the program.
func TestEndedIsTheProgramsOwnEnd(t *testing.T) {
	c := start(t, `sleep 1 >/dev/null 2>&1 & exit 0`)
	if !c.EndsWithin(time.Minute) {
		t.Error("it waits for what the program left behind")
	}
}

func TestStartOfNoProgram(t *testing.T) {
	if _, err := Start("/nonexistent/vchkpw", []string{"x"}, &syscall.ProcAttr{}); err == nil || err.Error() != "/nonexistent/vchkpw: no such file or directory" {
		t.Errorf("got %v", err)
	}
}

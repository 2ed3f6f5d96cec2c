package child

import (
	"fmt"
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
	return c
}

func TestExitCode(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -9 $$": ExitTemporary} {
		c := start(t, script)
		defer c.Close()
		if got := c.ExitCode(); got != want {
			t.Errorf("%s: got %d, want %d", script, got, want)
		}
	}
}

func TestErrorSaysHowAProgramEnded(t *testing.T) {
	for script, want := range map[string]string{"exit 0": "<nil>", "exit 7": "exit status 7", "kill -9 $$": "signal: killed"} {
		c := start(t, script)
		defer c.Close()
		if got := fmt.Sprint(Error(c.Wait())); got != want {
			t.Errorf("%s: got %s, want %s", script, got, want)
		}
	}
}

// A program that hangs gets SIGTERM; one that ignores that is killed.
func TestEnd(t *testing.T) {
	const hang = "echo; while :; do sleep 0.01; done"
	for _, test := range []struct {
		script, want string
		asked        time.Duration
	}{
		{hang, "signal: terminated", time.Minute},
		{"trap '' TERM; " + hang, "signal: killed", time.Millisecond},
	} {
		r, w, err := fdio.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		c, err := Start("/bin/sh", []string{"sh", "-c", test.script}, &syscall.ProcAttr{Files: []uintptr{0, uintptr(w), 2}})
		if err != nil {
			t.Fatal(err)
		}
		fdio.Readable(time.Time{}, r) // the trap is set
		if err := c.End(0, test.asked); err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", test.script, err, test.want)
		}
		for _, fd := range []int{r, w} {
			fdio.Close(fd)
		}
	}
}

// A program that ends by itself gets no signal, nor does the process that has its id then.
func TestEndOfItself(t *testing.T) {
	c := start(t, "exit 3")
	if err := c.End(time.Minute, 0); err == nil || err.Error() != "exit status 3" {
		t.Errorf("got %v", err)
	}
	c.pid = os.Getpid()
	c.Signal(syscall.SIGKILL)
}

// If a program leaves another behind, that does not count as the program.
func TestEndedIsTheProgramsOwnEnd(t *testing.T) {
	c := start(t, `sleep 1 >/dev/null 2>&1 & exit 0`)
	defer c.Close()
	if !c.EndsWithin(time.Minute) {
		t.Error("it waits for what the program left behind")
	}
}

func TestStartOfNoProgram(t *testing.T) {
	if _, err := Start("/nonexistent/vchkpw", []string{"x"}, &syscall.ProcAttr{}); err == nil || err.Error() != "/nonexistent/vchkpw: no such file or directory" {
		t.Errorf("got %v", err)
	}
}

// Package child owns how a program is started, waited for and killed. It hands down
// descriptors and nothing else, and links neither os nor os/exec: vodmr and vodmr-relay,
// which start for each connection, have it too.
package child

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
	"vodmr/internal/sys"
)

// ExitTemporary is the exit code that stands for a program that was killed by a signal,
// or could not be run: try again later.
const ExitTemporary = 111

// A Child is a program that runs, or what it became.
type Child struct {
	pid    int
	ended  int                  // end of file once the program was reaped
	status chan unix.WaitStatus // one status, sent once ended has its end

	mu     sync.Mutex
	reaped bool // the process id may be another's
}

// Start runs the program in the file path. It is reaped in the background, so that its
// end is something that poll can wait for.
func Start(path string, argv []string, attr *syscall.ProcAttr) (*Child, error) {
	return startBy(path, argv, attr, syscall.ForkExec)
}

// StartBarred is Start for a program that can never get more rights than it is started
// with, by a setuid bit for instance, and whatever it becomes; on Linux only.
func StartBarred(path string, argv []string, attr *syscall.ProcAttr) (*Child, error) {
	return startBy(path, argv, attr, forkBarred)
}

func startBy(path string, argv []string, attr *syscall.ProcAttr, fork func(string, []string, *syscall.ProcAttr) (int, error)) (*Child, error) {
	ended, end, err := fdio.Pipe()
	if err != nil {
		return nil, err
	}
	pid, err := fork(path, argv, attr)
	if err != nil {
		unix.Close(ended)
		unix.Close(end)
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c := &Child{pid: pid, ended: ended, status: make(chan unix.WaitStatus, 1)}
	go func() {
		status := c.reap()
		unix.Close(end)
		c.status <- status
	}()
	return c, nil
}

func (c *Child) reap() (status unix.WaitStatus) {
	err := sys.Retry(func() error {
		_, err := unix.Wait4(c.pid, &status, 0, nil)
		return err
	})
	if err != nil {
		status = ExitTemporary << 8 // never exit code 0: nobody knows how it ended
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reaped = true
	return status
}

// PID is the program's process id. Once it has ended that may be another's.
func (c *Child) PID() int { return c.pid }

// Ended is a descriptor that has its end of file once the program has ended. The end of a
// pipe that the program has would not do: something that it left behind may hold that open.
func (c *Child) Ended() int { return c.ended }

// EndsWithin waits a while for the program's end and reports if it came.
func (c *Child) EndsWithin(wait time.Duration) bool {
	return fdio.Readable(time.Now().Add(wait), c.ended)
}

// Signal sends a signal, unless the program has ended.
func (c *Child) Signal(signal syscall.Signal) { c.signal(c.pid, signal) }

// Kill ends the program by SIGKILL, unless it has ended.
func (c *Child) Kill() { c.Signal(syscall.SIGKILL) }

// SignalGroup sends a signal to the process group that the program leads (SysProcAttr's
// Setpgid), unless the program has ended.
func (c *Child) SignalGroup(signal syscall.Signal) { c.signal(-c.pid, signal) }

func (c *Child) signal(target int, signal syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.reaped {
		_ = unix.Kill(target, signal)
	}
}

// End waits for the program's own end, then asks it to end, then forces it. It returns
// how the program ended, as Error says it, and is called once, instead of Wait and Close.
func (c *Child) End(own, asked time.Duration) error {
	if !c.EndsWithin(own) {
		c.Signal(syscall.SIGTERM)
		if !c.EndsWithin(asked) {
			c.Signal(syscall.SIGKILL)
		}
	}
	defer c.Close()
	return Error(c.Wait())
}

// Wait waits for the program's end. It is called once.
func (c *Child) Wait() unix.WaitStatus { return <-c.status }

// Close closes Ended. The program runs on.
func (c *Child) Close() { unix.Close(c.ended) }

// ExitCode waits as Wait does, and returns the program's exit code: ExitTemporary if a
// signal ended it.
func (c *Child) ExitCode() int {
	status := c.Wait()
	if !status.Exited() {
		return ExitTemporary
	}
	return status.ExitStatus()
}

// Error says how a program ended; nil is exit code 0.
func Error(status unix.WaitStatus) error {
	if status.Signaled() {
		return errors.New("signal: " + status.Signal().String())
	}
	if status.ExitStatus() != 0 {
		return errors.New("exit status " + strconv.Itoa(status.ExitStatus()))
	}
	return nil
}

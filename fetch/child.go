package fetch

import (
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// startOnSocket starts cmd with one end of a socket pair as descriptors 0 and 1
// and returns the other end.
func startOnSocket(cmd *exec.Cmd) (*net.UnixConn, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer ours.Close()
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, err
	}
	cmd.Stdin, cmd.Stdout = theirs, theirs
	if err := cmd.Start(); err != nil {
		conn.Close()
		return nil, err
	}
	return conn.(*net.UnixConn), nil
}

// socketPair keeps the lock so that no other child inherits an end: not every
// system has SOCK_CLOEXEC.
func socketPair() (a, b *os.File, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	unix.CloseOnExec(fds[0])
	unix.CloseOnExec(fds[1])
	return os.NewFile(uintptr(fds[0]), "socket"), os.NewFile(uintptr(fds[1]), "socket"), nil
}

// A child is a started program whose end is awaited.
type child struct {
	process *os.Process
	done    chan struct{}
	err     error // valid once done is closed
}

func newChild(cmd *exec.Cmd) *child {
	c := &child{process: cmd.Process, done: make(chan struct{})}
	go func() {
		c.err = cmd.Wait()
		close(c.done)
	}()
	return c
}

// end waits for the child's own end, then asks, then forces.
func (c *child) end(own, asked time.Duration) {
	if c.endsWithin(own) {
		return
	}
	_ = c.process.Signal(syscall.SIGTERM)
	if c.endsWithin(asked) {
		return
	}
	_ = c.process.Kill()
	<-c.done
}

func (c *child) endsWithin(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c.done:
		return true
	case <-timer.C:
		return false
	}
}

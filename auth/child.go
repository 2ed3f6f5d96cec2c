package auth

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// A Child is a checkpassword program that runs, or what it became.
type Child struct {
	pid    int
	proof  int                  // the byte of a right password comes here
	ended  int                  // end of file once the child was reaped
	status chan unix.WaitStatus // one status, sent once ended has closed
	killed bool                 // for it was still busy at the deadline
}

// watch reaps the child in the background, so that its end is something that
// poll can wait for: end of file on proof would not do, since a program that
// the child left behind may hold it open.
func watch(pid, proof int) (*Child, error) {
	ended, end, err := pipe()
	if err != nil {
		unix.Close(proof)
		_ = unix.Kill(pid, unix.SIGKILL)
		reap(pid)
		return nil, err
	}
	c := &Child{pid: pid, proof: proof, ended: ended, status: make(chan unix.WaitStatus, 1)}
	go func() {
		status := reap(pid)
		unix.Close(end)
		c.status <- status
	}()
	return c, nil
}

// reap waits for a child's end.
func reap(pid int) unix.WaitStatus {
	var status unix.WaitStatus
	for {
		if _, err := unix.Wait4(pid, &status, 0, nil); err != unix.EINTR {
			return status
		}
	}
}

// proved waits for the byte that proves a right password, for the end of the
// pipe that would carry it, or for the child's end, whichever is first. Without
// the byte it returns after the child's end, and kills it at the deadline.
func (c *Child) proved(deadline time.Time) bool {
	waitReadable(deadline, c.proof, c.ended)
	if c.gotByte() {
		return true
	}
	if !waitReadable(deadline, c.ended) {
		c.killed = true
		_ = unix.Kill(c.pid, unix.SIGKILL)
		waitReadable(time.Time{}, c.ended)
	}
	// A byte that came meanwhile counts: who wrote it has the connection.
	return c.gotByte()
}

// gotByte reads a byte of proof if one is there.
func (c *Child) gotByte() bool {
	if !waitReadable(time.Unix(1, 0), c.proof) {
		return false
	}
	var b [1]byte
	for {
		n, err := unix.Read(c.proof, b[:])
		if err != unix.EINTR {
			return n == 1
		}
	}
}

// reason says why a child that ended without a proof did so. Exit 1 is
// checkpassword's refusal; vchkpw also says 3 for a wrong password and an
// unknown user, 12 and 13 for empty fields, 20 to 24 for a login that it cannot
// mean.
func (c *Child) reason() error {
	status := <-c.status
	switch code := status.ExitStatus(); {
	case c.killed:
		return fmt.Errorf("the checkpassword program was still busy and was killed")
	case status.Signaled():
		return fmt.Errorf("the checkpassword program died of %s", unix.SignalName(status.Signal()))
	case code == 1, code == 3, code == 12, code == 13, 20 <= code && code <= 24:
		return fmt.Errorf("%w: the checkpassword program exited %d", ErrRefused, code)
	case code == 0:
		return fmt.Errorf("the checkpassword program exited 0 but nothing wrote to descriptor %s", authFD)
	default:
		return fmt.Errorf("the checkpassword program exited %d", code)
	}
}

// exitKilled stands for a program that was killed by a signal: try again later.
const exitKilled = 111

// Wait waits for the program's end and returns its exit code.
func (c *Child) Wait() int {
	status := <-c.status
	if !status.Exited() {
		return exitKilled
	}
	return status.ExitStatus()
}

func (c *Child) closePipes() {
	unix.Close(c.proof)
	unix.Close(c.ended)
}

// waitReadable waits until one of two descriptors at most can be read or has
// ended, and says whether that was before the deadline. The zero time is none.
func waitReadable(deadline time.Time, fds ...int) bool {
	var polled []unix.PollFd
	for _, fd := range fds {
		polled = append(polled, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	for {
		timeout := -1
		if !deadline.IsZero() {
			left := time.Until(deadline) + time.Millisecond - 1
			timeout = int(min(max(left, 0), time.Minute) / time.Millisecond)
		}
		n, err := unix.Poll(polled, timeout)
		switch {
		case n > 0:
			return true
		case err == unix.EINTR, err == unix.EAGAIN:
		case err != nil, timeout == 0:
			return false
		}
	}
}

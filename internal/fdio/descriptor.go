package fdio

import (
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// WriteAll writes p to a descriptor that may block, such as a file or the pipe to a
// program that was just started.
func WriteAll(fd int, p []byte) error {
	for len(p) > 0 {
		n, err := sys.RetryN(func() (int, error) { return unix.Write(fd, p) })
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// Pipe makes a pipe that programs inherit only if they are given an end.
func Pipe() (r, w int, err error) {
	return private("pipe", func() (fds [2]int, err error) {
		err = unix.Pipe(fds[:])
		return fds, err
	})
}

// Pair makes a socket pair that programs inherit only if they are given an end.
func Pair() (a, b int, err error) {
	return private("socketpair", func() ([2]int, error) { return unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0) })
}

// private keeps two new descriptors from all programs. The lock is for one that another
// thread starts just then: not every system can make such descriptors in one call.
func private(name string, make func() ([2]int, error)) (a, b int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fds, err := make()
	if err != nil {
		return -1, -1, fmt.Errorf("%s: %w", name, err)
	}
	for _, fd := range fds {
		// A program that inherits the end of its own pipe waits for itself for ever.
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
			unix.Close(fds[0])
			unix.Close(fds[1])
			return -1, -1, fmt.Errorf("%s: %w", name, err)
		}
	}
	return fds[0], fds[1], nil
}

// Close closes a descriptor that is no longer needed.
func Close(fd int) { _ = unix.Close(fd) }

// Hangup closes descriptors of a connection, and ends it for other holders of them too if it is
// a socket.
func Hangup(fds ...int) {
	for _, fd := range fds {
		_ = unix.Shutdown(fd, unix.SHUT_RDWR)
	}
	sys.Close(fds...)
}

// Readable waits until one of a few descriptors can be read or has ended, and reports if
// that was before the deadline. The zero time is none; one that has passed asks at once.
func Readable(deadline time.Time, fds ...int) bool { return ready(deadline, unix.POLLIN, fds) }

// Writable is Readable for a descriptor that is to be written to. A broken one is ready: the
// write says how.
func Writable(fd int, deadline time.Time) bool { return ready(deadline, unix.POLLOUT, []int{fd}) }

func ready(deadline time.Time, events int16, fds []int) bool {
	polled := make([]unix.PollFd, 0, 4)
	for _, fd := range fds {
		polled = append(polled, unix.PollFd{Fd: int32(fd), Events: events})
	}
	for {
		timeout := -1
		if !deadline.IsZero() {
			timeout = milliseconds(min(time.Until(deadline), time.Minute))
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

// CloseOnExec keeps the programs that this one starts from inheriting
// descriptors that its own starter left open, from first on.
func CloseOnExec(first int) {
	if closeRangeOnExec(first) {
		return
	}
	for fd := first; fd < inheritedMax; fd++ {
		unix.CloseOnExec(fd)
	}
}

// inheritedMax ends a search for inherited descriptors on systems that
// cannot name all: nobody hands so many down.
const inheritedMax = 1024

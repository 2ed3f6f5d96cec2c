package qmail

import (
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pipe makes a pipe that no other child inherits.
func pipe(read, write *int) error {
	var fds [2]int
	syscall.ForkLock.RLock()
	err := unix.Pipe(fds[:])
	if err != nil {
		fds = [2]int{none, none}
	}
	for _, fd := range fds {
		if err == nil {
			// A child that had it open would never see the pipe's end.
			_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC)
		}
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		closeAll(fds[:])
		return fmt.Errorf("pipe: %w", err)
	}
	*read, *write = fds[0], fds[1]
	return nil
}

// poll waits for events, at most for the time given. A descriptor of -1 has none.
func poll(fds []unix.PollFd, wait time.Duration) (ready bool, err error) {
	end := time.Now().Add(wait)
	for {
		left := max(time.Until(end), 0)
		n, err := unix.Poll(fds, int((left+time.Millisecond-1)/time.Millisecond))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("poll: %w", err)
		}
		return n > 0, nil
	}
}

func closeAll(fds []int) {
	for _, fd := range fds {
		if fd != none {
			unix.Close(fd)
		}
	}
}

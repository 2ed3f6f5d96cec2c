package qmail

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
	"vodmr/internal/sys"
)

// pipe makes a pipe that no other child inherits: it would never see the pipe's end.
func pipe(read, write *int) (err error) {
	*read, *write, err = fdio.Pipe()
	return err
}

// poll waits for events, at most for the time given. A descriptor of -1 has none.
func poll(fds []unix.PollFd, wait time.Duration) (ready bool, err error) {
	end := time.Now().Add(wait)
	n, err := sys.RetryN(func() (int, error) {
		left := max(time.Until(end), 0)
		return unix.Poll(fds, int((left+time.Millisecond-1)/time.Millisecond))
	})
	if err != nil {
		return false, fmt.Errorf("poll: %w", err)
	}
	return n > 0, nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		if fd != none {
			unix.Close(fd)
		}
	}
}

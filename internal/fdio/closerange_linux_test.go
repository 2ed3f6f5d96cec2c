package fdio

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestCloseOnExecReachesEveryDescriptor: both ways of naming them find low and high
// ones, however many there are, and leave those below alone.
func TestCloseOnExecReachesEveryDescriptor(t *testing.T) {
	for name, mark := range map[string]func(first int){
		"CloseOnExec":  CloseOnExec,
		"listedOnExec": func(first int) { listedOnExec(first) },
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := pipe(t)
			below := inherited(t, r, 10)
			var fds []int
			for at := below + 1; at < below+600; at += 2 {
				fds = append(fds, inherited(t, r, at))
			}
			mark(below + 1)
			for _, fd := range fds {
				if !closesOnExec(t, fd) {
					t.Errorf("descriptor %d would be handed on", fd)
				}
			}
			if closesOnExec(t, below) {
				t.Errorf("descriptor %d, below the first, would not be handed on", below)
			}
		})
	}
}

// inherited makes a copy of fd, numbered least or more, that an exec would keep.
func inherited(t *testing.T, fd, least int) int {
	t.Helper()
	n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD, least)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, n)
	return n
}

func closesOnExec(t *testing.T, fd int) bool {
	t.Helper()
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err != nil {
		t.Fatal(err)
	}
	return flags&unix.FD_CLOEXEC != 0
}

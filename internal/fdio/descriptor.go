package fdio

import "golang.org/x/sys/unix"

// WriteAll writes p to a descriptor that may block, such as a file or the pipe to a
// program that was just started.
func WriteAll(fd int, p []byte) error {
	for len(p) > 0 {
		n, err := unix.Write(fd, p)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// Pipe makes a pipe that programs do not inherit, unless another thread starts one at
// just that moment: it is for programs that start theirs one by one.
func Pipe() (r, w int, err error) {
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		return -1, -1, err
	}
	unix.CloseOnExec(fds[0])
	unix.CloseOnExec(fds[1])
	return fds[0], fds[1], nil
}

// Close closes a descriptor that is no longer needed.
func Close(fd int) { _ = unix.Close(fd) }

// CloseOnExec keeps the programs that this one starts from inheriting
// descriptors that whoever started it left open, from first on.
func CloseOnExec(first int) {
	if closeRangeOnExec(first) {
		return
	}
	for fd := first; fd < inheritedMax; fd++ {
		unix.CloseOnExec(fd)
	}
}

// inheritedMax is where a search for inherited descriptors ends on systems that
// cannot name all: nobody hands so many down.
const inheritedMax = 1024

package door

import (
	"fmt"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

const (
	// maxPath is what fits into a socket's address, in bytes, on all systems.
	maxPath = 103
	// backlog is how many questions may wait to be accepted. More are not asked.
	backlog = 128
	// minLimit is how many descriptors POSIX promises a process, and maxLimit is enough.
	minLimit, maxLimit = 20, 1 << 20
	// socketMode lets the folder's group ask.
	socketMode = 0o660
)

// socket makes a UNIX socket that never waits and that no program inherits.
func socket() (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	return private(fd)
}

// private closes the descriptor if it cannot be had without waiting: a session must not.
func private(fd int) (int, error) {
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("fcntl: %w", err)
	}
	return fd, nil
}

// A listener is the socket of one domain.
type listener struct {
	fd     int
	domain string
	path   string
	file   unix.Stat_t
}

// listen makes the socket of a domain. It replaces one that another session left: this
// session holds the mailbox's lock.
func listen(dir, domain string) (*listener, error) {
	l := &listener{domain: domain, path: dir + "/" + domain}
	tmp := dir + "/." + strconv.Itoa(unix.Getpid()) + "." + domain
	if len(tmp) > maxPath {
		return nil, fmt.Errorf("%s: its path is too long for a socket", l.path)
	}
	fd, err := socket()
	if err != nil {
		return nil, err
	}
	l.fd = fd
	if err := l.bind(tmp); err != nil {
		unix.Close(fd)
		_ = sys.Unlink(unix.AT_FDCWD, tmp)
		return nil, sys.Named(l.path, err)
	}
	return l, nil
}

// bind gives the socket its name once it can be asked.
func (l *listener) bind(tmp string) error {
	_ = sys.Unlink(unix.AT_FDCWD, tmp) // left by a process with this id
	if err := unix.Bind(l.fd, &unix.SockaddrUnix{Name: tmp}); err != nil {
		return err
	}
	if err := sys.Retry(func() error { return unix.Chmod(tmp, socketMode) }); err != nil {
		return err
	}
	if err := unix.Listen(l.fd, backlog); err != nil {
		return err
	}
	if err := sys.Lstat(unix.AT_FDCWD, tmp, &l.file); err != nil {
		return err
	}
	return sys.Rename(unix.AT_FDCWD, tmp, l.path)
}

// accept returns the next connection, or -1 if there is none now. The error says that one may
// wait and cannot be taken.
func (l *listener) accept() (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := sys.RetryN(func() (int, error) {
		fd, _, err := unix.Accept(l.fd)
		return fd, err
	})
	if err == unix.EAGAIN || err == unix.ECONNABORTED {
		return -1, nil
	}
	if err != nil {
		return -1, err
	}
	return private(fd)
}

// descriptorLimit is how many descriptors this process may have.
func descriptorLimit() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return minLimit
	}
	return int(min(uint64(limit.Cur), maxLimit))
}

// close takes the name away if it is still this socket's.
func (l *listener) close() {
	var st unix.Stat_t
	if sys.Lstat(unix.AT_FDCWD, l.path, &st) == nil && sys.SameFile(&st, &l.file) {
		_ = sys.Unlink(unix.AT_FDCWD, l.path)
	}
	unix.Close(l.fd)
}

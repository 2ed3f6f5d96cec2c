package safepath

import (
	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
)

func openat(dir int, name string, flags int) (int, error) {
	return fdio.RetryN(func() (int, error) { return unix.Openat(dir, name, flags, 0) })
}

func readlink(dir int, name string) (target string, err error) {
	var buf [4096]byte // PATH_MAX of Linux; the others have less
	n, err := fdio.RetryN(func() (int, error) { return unix.Readlinkat(dir, name, buf[:]) })
	if err == nil && n == len(buf) {
		err = unix.ENAMETOOLONG
	}
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

func fstat(fd int, st *unix.Stat_t) error {
	return fdio.Retry(func() error { return unix.Fstat(fd, st) })
}

func closeFD(fd int) {
	if fd >= 0 {
		unix.Close(fd)
	}
}

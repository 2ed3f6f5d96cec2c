package safepath

import "golang.org/x/sys/unix"

func openat(dir int, name string, flags int) (fd int, err error) {
	err = repeat(func() error {
		fd, err = unix.Openat(dir, name, flags, 0)
		return err
	})
	return fd, err
}

func readlink(dir int, name string) (target string, err error) {
	var buf [4096]byte // PATH_MAX of Linux; the others have less
	n := 0
	err = repeat(func() error {
		n, err = unix.Readlinkat(dir, name, buf[:])
		return err
	})
	if err == nil && n == len(buf) {
		err = unix.ENAMETOOLONG
	}
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

func fstat(fd int, st *unix.Stat_t) error {
	return repeat(func() error { return unix.Fstat(fd, st) })
}

// repeat makes a call again that a signal interrupted, as NFS mounted "intr" lets it.
func repeat(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

func closeFD(fd int) {
	if fd >= 0 {
		unix.Close(fd)
	}
}

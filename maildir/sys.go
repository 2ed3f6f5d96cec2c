package maildir

import "golang.org/x/sys/unix"

// Every open here names these: no descriptor outlives an exec, no symbolic link
// is followed, and no FIFO or device makes the caller wait.
const safely = unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY

// openat opens name below dir; a signal (NFS mounted "intr") only repeats it.
func openat(dir int, name string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags, mode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// read reads once.
func read(fd int, p []byte) (int, error) {
	for {
		n, err := unix.Read(fd, p)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// pread reads once at an offset.
func pread(fd int, p []byte, off int64) (int, error) {
	for {
		n, err := unix.Pread(fd, p, off)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// pwrite writes once at an offset.
func pwrite(fd int, p []byte, off int64) error {
	for {
		if _, err := unix.Pwrite(fd, p, off); err != unix.EINTR {
			return err
		}
	}
}

// unlinkat removes the name of a file.
func unlinkat(dir int, name string) error {
	for {
		if err := unix.Unlinkat(dir, name, 0); err != unix.EINTR {
			return err
		}
	}
}

// mayChange asks whether this process may make and remove names in a folder.
func mayChange(dir int) error {
	for {
		if err := unix.Faccessat(dir, ".", unix.W_OK|unix.X_OK, 0); err != unix.EINTR {
			return err
		}
	}
}

// fsync waits until the disk has what was written.
func fsync(fd int) error {
	for {
		if err := unix.Fsync(fd); err != unix.EINTR {
			return err
		}
	}
}

// fstat asks about an open file.
func fstat(fd int, st *unix.Stat_t) error {
	for {
		if err := unix.Fstat(fd, st); err != unix.EINTR {
			return err
		}
	}
}

// lstatat asks about a name, not about what a link points at.
func lstatat(dir int, name string, st *unix.Stat_t) error {
	for {
		err := unix.Fstatat(dir, name, st, unix.AT_SYMLINK_NOFOLLOW)
		if err != unix.EINTR {
			return err
		}
	}
}

func isRegular(st *unix.Stat_t) bool { return uint32(st.Mode)&unix.S_IFMT == unix.S_IFREG }

// closeAll closes those of the descriptors that are open.
func closeAll(fds ...int) {
	for _, fd := range fds {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

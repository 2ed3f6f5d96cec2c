// Package sys owns the system calls on directories and files that are named below an
// open directory, or are open already. Each of them is repeated if a signal interrupts
// it, which file systems such as NFS mounted "intr" allow.
package sys

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Safely are the flags of each open: no descriptor outlives an exec, no symbolic link is
// followed, and no FIFO or device makes the caller wait.
const Safely = unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY

// ErrNotRegular is the error if a name is not a regular file, but a link, a FIFO or a
// directory.
var ErrNotRegular = errors.New("not a regular file")

// Open opens a name below dir. mode counts if the file is created.
func Open(dir int, name string, flags int, mode uint32) (int, error) {
	return RetryN(func() (int, error) { return unix.Openat(dir, name, flags, mode) })
}

// OpenRegular opens a name below dir and describes the file. If that is not a regular file,
// it is closed and the error is ErrNotRegular.
func OpenRegular(dir int, name string, flags int, mode uint32) (fd int, st unix.Stat_t, err error) {
	fd, err = Open(dir, name, flags, mode)
	if err != nil {
		return -1, st, err
	}
	if err = Stat(fd, &st); err == nil && !IsRegular(&st) {
		err = ErrNotRegular
	}
	if err != nil {
		unix.Close(fd)
		return -1, st, err
	}
	return fd, st, nil
}

// Reopen opens a directory a second time, so that the copy has a reading position of its
// own.
func Reopen(dir int) (int, error) {
	return Open(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// Read reads once.
func Read(fd int, p []byte) (int, error) {
	n, err := RetryN(func() (int, error) { return unix.Read(fd, p) })
	return max(n, 0), err
}

// ReadAt reads once, at an offset.
func ReadAt(fd int, p []byte, off int64) (int, error) {
	n, err := RetryN(func() (int, error) { return unix.Pread(fd, p, off) })
	return max(n, 0), err
}

// ReadFull reads from an offset until p is full or the file ends.
func ReadFull(fd int, p []byte, off int64) (n int, err error) {
	for n < len(p) {
		got, err := ReadAt(fd, p[n:], off+int64(n))
		if err != nil || got == 0 {
			return n, err
		}
		n += got
	}
	return n, nil
}

// ReadNames fills buf with directory entries once; 0 bytes are the end.
func ReadNames(fd int, buf []byte) (int, error) {
	n, err := RetryN(func() (int, error) { return unix.ReadDirent(fd, buf) })
	return max(n, 0), err
}

// WriteAt writes once, at an offset.
func WriteAt(fd int, p []byte, off int64) error {
	return Retry(func() error {
		_, err := unix.Pwrite(fd, p, off)
		return err
	})
}

// Unlink removes the name of a file.
func Unlink(dir int, name string) error {
	return Retry(func() error { return unix.Unlinkat(dir, name, 0) })
}

// Link gives a file a second name, in another directory. That it has it already is no error: the
// call that a signal interrupted may have been done.
func Link(dir int, name string, toDir int, to string) error {
	err := Retry(func() error { return unix.Linkat(dir, name, toDir, to, 0) })
	var from, named unix.Stat_t
	if err == unix.EEXIST && Lstat(dir, name, &from) == nil && Lstat(toDir, to, &named) == nil && SameFile(&from, &named) {
		return nil
	}
	return err
}

// MakeFolder makes a folder; one that is there already is no error.
func MakeFolder(path string, mode uint32) error {
	err := Retry(func() error { return unix.Mkdir(path, mode) })
	if err == unix.EEXIST {
		return nil
	}
	return err
}

// Rename gives a file below dir another name there.
func Rename(dir int, from, to string) error {
	return Retry(func() error { return unix.Renameat(dir, from, dir, to) })
}

// Quarantine gives what has a name another name, in place of what has that one. A link, a FIFO or
// a device holds nothing: if this process may make none, not even by renaming one, it is removed.
func Quarantine(dir int, name, bad string) error {
	Unlink(dir, bad) // a file cannot be replaced by a directory
	err := Rename(dir, name, bad)
	var st unix.Stat_t
	if err == unix.EACCES && Lstat(dir, name, &st) == nil && !IsRegular(&st) {
		if unlinked := Unlink(dir, name); unlinked == nil { // which no directory is
			return nil
		}
	}
	return err
}

// MayChange returns nil if this process may make and remove names in a directory.
func MayChange(dir int) error {
	return Retry(func() error { return unix.Faccessat(dir, ".", unix.W_OK|unix.X_OK, 0) })
}

// Sync waits until the disk has what was written.
func Sync(fd int) error {
	return Retry(func() error { return unix.Fsync(fd) })
}

// Stat describes an open file.
func Stat(fd int, st *unix.Stat_t) error {
	return Retry(func() error { return unix.Fstat(fd, st) })
}

// StatPath describes what a path leads to.
func StatPath(path string, st *unix.Stat_t) error {
	return Retry(func() error { return unix.Stat(path, st) })
}

// Access asks if this process may use a path in a way, such as unix.X_OK.
func Access(path string, how uint32) error {
	return Retry(func() error { return unix.Access(path, how) })
}

// Lstat describes what has a name: the link itself, not its target.
func Lstat(dir int, name string, st *unix.Stat_t) error {
	return Retry(func() error { return unix.Fstatat(dir, name, st, unix.AT_SYMLINK_NOFOLLOW) })
}

// ReadLink returns what a symbolic link says.
func ReadLink(dir int, name string) (target string, err error) {
	var buf [4096]byte // PATH_MAX of Linux; the others have less
	n, err := RetryN(func() (int, error) { return unix.Readlinkat(dir, name, buf[:]) })
	if err == nil && n == len(buf) {
		err = unix.ENAMETOOLONG
	}
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

// SameFile reports if the two describe one file.
func SameFile(a, b *unix.Stat_t) bool { return a.Dev == b.Dev && a.Ino == b.Ino }

// InPlace reports if a name still leads to the file that fd is open for. An error says that
// this cannot be known.
func InPlace(fd, dir int, name string) (bool, error) {
	var open, named unix.Stat_t
	if err := Stat(fd, &open); err != nil {
		return false, err
	}
	err := Lstat(dir, name, &named)
	if err == unix.ENOENT {
		return false, nil
	}
	return err == nil && SameFile(&open, &named), err
}

// IsRegular reports if it describes a regular file.
func IsRegular(st *unix.Stat_t) bool { return uint32(st.Mode)&unix.S_IFMT == unix.S_IFREG }

// IsOther reports if a name is taken by something that is not a regular file.
func IsOther(dir int, name string) bool {
	var st unix.Stat_t
	return Lstat(dir, name, &st) == nil && !IsRegular(&st)
}

// Close closes those of the descriptors that are open, which the others, below 0, are not.
func Close(fds ...int) {
	for _, fd := range fds {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// Named puts a path in front of an error, if there is one.
func Named(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", path, err)
}

// Join joins a path for the text of an error. An absolute name stays as it is.
func Join(dir, name string) string {
	if dir == "" || strings.HasPrefix(name, "/") {
		return name
	}
	return strings.TrimSuffix(dir, "/") + "/" + strings.TrimPrefix(name, "./")
}

// Package qmail reads what a qmail or vpopmail site keeps in files: control
// files, virtualdomains, users/cdb, .qmail-default and the rules that tcprules
// compiled. It also writes what such a site takes: a message for qmail-queue,
// and the text of a bounce in qmail-send's format (QSBMF).
//
// Addresses come in two forms. Raw is what an envelope of qmail-queue and a
// Delivered-To line hold; quoted is what RFC 5321 and a Return-Path line hold.
// Each function says which one it wants.
package qmail

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// maxFile is the largest text file that is read, in bytes. The virtualdomains
// of a site with a hundred thousand domains takes about a third of it.
const maxFile = 16 << 20

var (
	errNotRegular = errors.New("not a regular file")
	errTooLarge   = errors.New("file too large")
)

// ErrWritable says that other users can change a file that says who may have which mail.
var ErrWritable = errors.New("is open to writing by others, so it is not believed")

// ReadFile returns what a regular file of at most 16 MiB holds. Whatever stands
// there, it does not wait. Errors name the file.
func ReadFile(path string) ([]byte, error) { return readFile(path, openRegular) }

func readFile(path string, open func(path string) (*file, error)) ([]byte, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.close()
	if f.size > maxFile {
		return nil, fmt.Errorf("%s: %w", path, errTooLarge)
	}
	buf := make([]byte, f.size)
	n, err := f.readFull(buf, 0)
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}

// A file is an open regular file that is read by position.
type file struct {
	path string
	fd   int
	size int64
	uid  uint32 // who owns it
	mode uint32 // permission bits
}

// openRegular opens a regular file. O_NONBLOCK keeps a FIFO that stands there by
// mistake from hanging the program; on a regular file it means nothing.
func openRegular(path string) (*file, error) {
	fd, err := sys.RetryN(func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var st unix.Stat_t
	if err = sys.Retry(func() error { return unix.Fstat(fd, &st) }); err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = errNotRegular
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &file{path: path, fd: fd, size: st.Size, uid: st.Uid, mode: uint32(st.Mode) & 0o777}, nil
}

// openTrusted opens a regular file that says who may have which mail. Only root, or the
// user that this program runs as, may be able to write to it, or the error is ErrWritable.
func openTrusted(path string) (*file, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	if f.mode&0o022 != 0 {
		err = fmt.Errorf("%s %w: chmod go-w it", path, ErrWritable)
	} else if f.uid != 0 && f.uid != uint32(unix.Geteuid()) {
		err = fmt.Errorf("%s %w: it belongs to uid %d, give it to root", path, ErrWritable, f.uid)
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// readFull reads at offset until buf is full or the file ends.
func (f *file) readFull(buf []byte, offset int64) (int, error) {
	done := 0
	for done < len(buf) {
		n, err := sys.RetryN(func() (int, error) { return unix.Pread(f.fd, buf[done:], offset+int64(done)) })
		if err != nil {
			return done, fmt.Errorf("%s: %w", f.path, err)
		}
		if n == 0 {
			return done, nil
		}
		done += n
	}
	return done, nil
}

func (f *file) close() error { return unix.Close(f.fd) }

// isDir says whether path is a directory, symlinks followed. One that cannot be
// looked at counts as one: whoever uses it learns why it cannot be.
func isDir(path string) bool {
	var st unix.Stat_t
	switch err := sys.Retry(func() error { return unix.Stat(path, &st) }); err {
	case nil:
		return st.Mode&unix.S_IFMT == unix.S_IFDIR
	case unix.ENOENT, unix.ENOTDIR:
		return false
	}
	return true
}

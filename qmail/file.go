// Package qmail reads what a qmail or vpopmail site keeps in files: control
// files, virtualdomains, users/cdb, .qmail-default and the rules that tcprules
// compiled. It also writes for such a site: a message for qmail-queue, and the text of
// a bounce in qmail-send's format (QSBMF).
//
// Addresses have two forms. An envelope of qmail-queue and a Delivered-To line hold the
// raw one, RFC 5321 and a Return-Path line the quoted one. Each function's comment tells
// which one it wants.
package qmail

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// maxFile is the largest text file that is read, in bytes. The virtualdomains
// of a site with a hundred thousand domains takes about a third of it.
const maxFile = 16 << 20

var errTooLarge = errors.New("file too large")

// ErrWritable is the error if other users can change a file that decides who gets which mail.
var ErrWritable = errors.New("is open to writing by others, so it is not believed")

// ReadFile returns the content of a regular file of at most 16 MiB. It never waits, even if
// the path is a FIFO. Errors name the file.
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
	n, err := f.ReadAt(buf, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	return buf[:n], nil
}

// maxLine is the longest line of EachLine, in bytes.
const maxLine = 8 << 10

var errLongLine = errors.New("line too long")

// EachLine calls do with each line of a regular file of any size, until it returns false. The
// line has no line end, and is do's only until that returns: nothing of the file stays in
// memory. A line of more than 8 KiB is an error. Errors name the file.
func EachLine(path string, do func(line []byte) (more bool)) error {
	f, err := openRegular(path)
	if err != nil {
		return err
	}
	defer f.close()
	buf := make([]byte, maxLine+1)
	defer clear(buf)
	lines := bufio.NewScanner(io.NewSectionReader(f, 0, math.MaxInt64))
	lines.Buffer(buf, len(buf))
	lines.Split(splitLine)
	for lines.Scan() && do(lines.Bytes()) {
	}
	if err := lines.Err(); err == bufio.ErrTooLong {
		return fmt.Errorf("%s: %w", path, errLongLine)
	}
	return lines.Err()
}

// splitLine is a bufio.SplitFunc. Unlike bufio's own it leaves a CR where it is.
func splitLine(text []byte, last bool) (advance int, line []byte, err error) {
	line, _, whole := bytes.Cut(text, []byte("\n"))
	if whole {
		return len(line) + 1, line, nil
	}
	if last && len(line) > 0 {
		return len(line), line, nil
	}
	return 0, nil, nil
}

// A file is an open regular file that is read by position.
type file struct {
	path string
	fd   int
	size int64
	uid  uint32 // who owns it
	mode uint32 // permission bits
}

// openRegular opens a regular file. O_NONBLOCK keeps the program from hanging if a FIFO is
// there by mistake. It has no effect on a regular file.
func openRegular(path string) (*file, error) {
	fd, st, err := sys.OpenRegular(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &file{path: path, fd: fd, size: st.Size, uid: st.Uid, mode: uint32(st.Mode) & 0o777}, nil
}

// openTrusted opens a regular file that decides who gets which mail. If anybody can write
// to it except root and the user that this program runs as, the error is ErrWritable.
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

// ReadAt reads at offset until buf is full. If the file ends before that, the error is io.EOF.
func (f *file) ReadAt(buf []byte, offset int64) (done int, err error) {
	for done < len(buf) {
		n, err := sys.ReadAt(f.fd, buf[done:], offset+int64(done))
		if err != nil {
			return done, fmt.Errorf("%s: %w", f.path, err)
		}
		if n == 0 {
			return done, io.EOF
		}
		done += n
	}
	return done, nil
}

func (f *file) close() error { return unix.Close(f.fd) }

// isDir reports if path is a directory, symlinks followed. A path that cannot be looked at
// counts as one: the program that uses it will report the reason.
func isDir(path string) bool {
	var st unix.Stat_t
	switch err := sys.StatPath(path, &st); err {
	case nil:
		return st.Mode&unix.S_IFMT == unix.S_IFDIR
	case unix.ENOENT, unix.ENOTDIR:
		return false
	}
	return true
}

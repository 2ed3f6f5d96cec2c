// Package safepath owns how a directory is found and opened when some folders on its
// path belong to other users, who could put a symbolic link in the place of any name in
// them. It is for programs that then act in the directory with rights of their own: as
// root, or as a user who has many customers' mailboxes.
package safepath

import (
	"cmp"
	"errors"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

var (
	// ErrLink is the error if a part of a path is a symbolic link that does not count.
	ErrLink = errors.New("is a symbolic link: only a link of root's is followed, in a folder that only root can write to")
	// ErrRelative is the error if a path does not start at the root directory.
	ErrRelative = errors.New("is a relative path: give the absolute one")
	// ErrParent is the error if a path has .. in it.
	ErrParent = errors.New("may not have .. in its path: give the path without it")
)

// An Error names the directory at which the walk to a directory failed.
type Error struct {
	Path string
	Err  error // a system error, or one of this package
}

// Refused reports if an error is about the path itself, not about what is there.
func Refused(err error) bool {
	return errors.Is(err, ErrLink) || errors.Is(err, ErrRelative) || errors.Is(err, ErrParent)
}

func (e *Error) Error() string {
	if Refused(e.Err) {
		return e.Path + " " + e.Err.Error()
	}
	if e.Err == unix.ENOTDIR {
		return e.Path + ": not a directory, but a file or a symbolic link"
	}
	return e.Path + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// linksMost is how many links a path may have, as on Linux.
const linksMost = 40

// Open opens a directory by its absolute path, part by part. A symbolic link counts only
// if the link and the folder that holds it belong to root, and no other user can write to
// the folder. real is the path without links. The error is an *Error.
func Open(dir string) (fd int, real string, err error) {
	at, real, err := open(dir)
	if err != nil {
		return -1, "", err
	}
	defer unix.Close(at)
	fd, err = sys.Reopen(at)
	if err != nil {
		return -1, "", &Error{real, err}
	}
	return fd, real, nil
}

// Resolve returns a directory's path without links, as Open finds it.
func Resolve(dir string) (real string, err error) {
	fd, real, err := open(dir)
	if err == nil {
		unix.Close(fd)
	}
	return real, err
}

// Owned returns a directory's path without links, as Open finds it, and its owner.
func Owned(dir string) (real string, uid, gid uint32, err error) {
	fd, real, err := open(dir)
	if err != nil {
		return "", 0, 0, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := sys.Stat(fd, &st); err != nil {
		return "", 0, 0, &Error{real, err}
	}
	return real, st.Uid, st.Gid, nil
}

// Below reports if a path lies below a directory. Both are real paths. Nothing counts
// as below the root directory.
func Below(real, dir string) bool {
	return len(dir) > 1 && strings.HasPrefix(real, dir+"/")
}

// open does the same as Open, but the descriptor may be good only for looking below it.
func open(dir string) (fd int, real string, err error) {
	if !path.IsAbs(dir) {
		return -1, "", &Error{dir, ErrRelative}
	}
	if strings.Contains(dir+"/", "/../") {
		return -1, "", &Error{dir, ErrParent}
	}
	w := walk{fd: -1}
	if err := w.run(dir); err != nil {
		sys.Close(w.fd)
		return -1, "", err
	}
	return w.fd, cmp.Or(w.real, "/"), nil
}

// A walk is the state of the way to a directory.
type walk struct {
	fd    int    // the directory that it has reached
	real  string // its path, "" for the root directory
	rest  string // the parts that are to come
	links int    // the number that was followed
}

func (w *walk) run(dir string) error {
	if err := w.begin(dir); err != nil {
		return err
	}
	for w.rest != "" {
		part, rest, _ := strings.Cut(w.rest, "/")
		w.rest = rest
		if part == "" || part == "." {
			continue
		}
		if err := w.enter(part); err != nil {
			return err
		}
	}
	return nil
}

// begin starts at the root directory.
func (w *walk) begin(dir string) error {
	fd, err := sys.Open(unix.AT_FDCWD, "/", look|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &Error{"/", err}
	}
	sys.Close(w.fd)
	w.fd, w.real, w.rest = fd, "", dir
	return nil
}

// enter goes one part further, or to the target of the part if it is a link.
func (w *walk) enter(part string) error {
	fd, err := sys.Open(w.fd, part, look|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	switch err {
	case nil:
		sys.Close(w.fd)
		w.fd, w.real = fd, w.real+"/"+part
		return nil
	case unix.ENOTDIR, unix.ELOOP, unix.EMLINK: // the errors that systems have for a link
		return w.follow(part)
	}
	return &Error{w.real + "/" + part, err}
}

// follow begins anew with the target of a link in its place. A .. in it is relative to the
// real folder of the link.
func (w *walk) follow(part string) error {
	name := w.real + "/" + part
	target, err := sys.ReadLink(w.fd, part)
	if err == unix.EINVAL {
		err = unix.ENOTDIR // it is not a link
	}
	if err == nil {
		err = w.trusted(part)
	}
	if w.links++; err == nil && w.links > linksMost {
		err = unix.ELOOP
	}
	if err != nil {
		return &Error{name, err}
	}
	if !path.IsAbs(target) {
		target = w.real + "/" + target
	}
	return w.begin(path.Clean(target) + "/" + w.rest)
}

// trusted is ErrLink unless the link and the folder it is in are root's alone.
func (w *walk) trusted(part string) error {
	var folder, link unix.Stat_t
	if err := sys.Stat(w.fd, &folder); err != nil {
		return err
	}
	if err := sys.Lstat(w.fd, part, &link); err != nil {
		return err
	}
	if folder.Uid != 0 || link.Uid != 0 || folder.Mode&0o022 != 0 {
		return ErrLink
	}
	return nil
}

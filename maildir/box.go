// Package maildir owns a Maildir on disk: the order of its messages, the envelope that
// qmail and vpopmail write on top of each, removal with the quota file, and delivery into
// a Maildir on the customer's side.
//
// Everything is done by raw system calls relative to directory descriptors. One message
// costs open, fstat, read, close and unlink, and if a directory is renamed or replaced,
// that cannot lead to another user's mail. Over a network file system each of the five is
// a question to its server, so the caller may do several at once: Unlink and Peek are for
// any goroutine. Nothing here knows SMTP or qmail.
package maildir

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"vodmr/internal/safepath"
	"vodmr/internal/sys"
	"vodmr/maildir/lock"
)

var (
	// ErrOwner is the error if a directory or file belongs to another user.
	ErrOwner = errors.New("wrong owner")
	// ErrMissing is the error if a directory of the Maildir is not there.
	ErrMissing = errors.New("no such directory")
	// ErrMoved is InPlace's.
	ErrMoved = errors.New("the Maildir or its vodmr.lock was moved away or made anew")
)

// A Box is an open Maildir. It is for one goroutine at a time, but for Unlink and Peek.
type Box struct {
	home string // as given to Open, like name
	name string
	path string // for the texts of errors only
	uid  uint32 // the owner of everything
	dir  int    // MAILDIR
	sub  [2]int // new and cur

	// Lock is the Maildir's lock. Close drops it.
	Lock *lock.Lock

	abandoned atomic.Bool // see Abandon

	index    *index // what the last search read; nil for nothing
	searches int    // how often new and cur were read for a search

	freed   freed
	noQuota bool // maildirsize was not there, after the last scan
}

// Indices of Box.sub, in the order in which they are scanned. A mail reader moves messages
// from new to cur, so if it moves one during the scan, that is met twice, not missed.
const (
	inNew = iota
	inCur
)

var subNames = [2]string{"new", "cur"}

// Open opens the Maildir dir. A relative dir is below home, and no part of it may be a
// symbolic link, since the mailbox's owner could point that anywhere. In home, or in an
// absolute dir, a link counts only if package safepath follows it. The Maildir, its new
// and its cur must belong to the effective user, or the error is ErrOwner; if one is not
// there, it is ErrMissing. Each error names the path and what to do.
func Open(home, dir string) (*Box, error) { return OpenFor(home, dir, uint32(unix.Geteuid())) }

// OpenFor does what Open would do as the user uid. Everything must belong to it.
func OpenFor(home, dir string, uid uint32) (*Box, error) {
	b := &Box{home: home, name: dir, path: sys.Join(home, dir), uid: uid, sub: [2]int{-1, -1}}
	var err error
	if b.dir, err = openDir(home, dir); err != nil {
		return nil, err
	}
	b.Lock = lock.New(b.dir, b.path)
	err = b.checkOwner(b.dir, b.path)
	for i := 0; i < len(subNames) && err == nil; i++ {
		b.sub[i], err = b.openSub(subNames[i])
	}
	if err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// openSub opens a directory of the Maildir and checks its owner.
func (b *Box) openSub(name string) (int, error) {
	path := sys.Join(b.path, name)
	fd, err := sys.Open(b.dir, name, unix.O_RDONLY|unix.O_DIRECTORY|sys.Safely, 0)
	if err != nil {
		return -1, dirError(path, err)
	}
	if err := b.checkOwner(fd, path); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// Close closes the Maildir and drops its lock.
func (b *Box) Close() {
	b.Lock.Release()
	sys.Close(b.dir, b.sub[inNew], b.sub[inCur])
	b.dir, b.sub = -1, [2]int{-1, -1}
}

// Abandon has nothing in the Maildir removed or counted any more: its lock is lost, and
// another session may have the mailbox.
func (b *Box) Abandon() { b.abandoned.Store(true) }

// Abandoned reports if Abandon was called.
func (b *Box) Abandoned() bool { return b.abandoned.Load() }

// Path returns the Maildir's path, for logs.
func (b *Box) Path() string { return b.path }

// Dir is the descriptor of the Maildir itself, for the rooms that keep files of their own
// in it. It is good until Close.
func (b *Box) Dir() int { return b.dir }

// Watch begins to watch the lock and new, see lock.Watch.
func (b *Box) Watch() (*lock.Watch, error) { return b.Lock.Watch(b.sub[inNew]) }

// Changed returns when something was last put into new or taken out, in Unix nanoseconds,
// as far as its file system tells. It shows changes that a Watch does not see: by another
// host over NFS, or if there is no Watch.
func (b *Box) Changed() (int64, error) {
	var st unix.Stat_t
	fd, err := sys.Reopen(b.sub[inNew]) // opening asks an NFS server anew
	if err == nil {
		defer unix.Close(fd)
		err = sys.Stat(fd, &st)
	}
	return st.Mtim.Nano(), sys.Named(sys.Join(b.path, subNames[inNew]), err)
}

// InPlace returns nil if the Maildir's path still leads to what is open, and the lock that is
// held is still the one that others would ask for. A Maildir that was moved or made anew
// gets its mail elsewhere: that is ErrMoved. Any other error says why the path leads nowhere.
func (b *Box) InPlace() error {
	g, err := b.Glance()
	if err == nil {
		err = g.inPlace()
	}
	return err
}

func (b *Box) checkOwner(fd int, path string) error {
	var st unix.Stat_t
	if err := sys.Stat(fd, &st); err != nil {
		return sys.Named(path, err)
	}
	if st.Uid != b.uid {
		return fmt.Errorf("%s: %w: it belongs to uid %d, but this program runs as uid %d: chown it, or run as its owner",
			path, ErrOwner, st.Uid, b.uid)
	}
	return nil
}

// openDir opens dir, below home if it is relative.
func openDir(home, dir string) (int, error) {
	path := home
	if strings.HasPrefix(dir, "/") {
		path, dir = dir, ""
	}
	if path == "" {
		return -1, fmt.Errorf("%s: %w: HOME is not set, and the Maildir is below it", dir, ErrMissing)
	}
	fd, _, err := safepath.Open(path)
	var at *safepath.Error
	if errors.As(err, &at) {
		return -1, dirError(at.Path, at.Err)
	}
	for part := range strings.SplitSeq(dir, "/") {
		if part == "" || part == "." {
			continue
		}
		path = sys.Join(path, part)
		if fd, err = descend(fd, part, path); err != nil {
			return -1, err
		}
	}
	return fd, nil
}

// descend opens part below parent, which it closes.
func descend(parent int, part, path string) (int, error) {
	defer unix.Close(parent)
	if part == ".." {
		return -1, fmt.Errorf("%s: a relative Maildir may not hold ..: give its absolute path", path)
	}
	fd, err := sys.Open(parent, part, unix.O_RDONLY|unix.O_DIRECTORY|sys.Safely, 0)
	if err != nil {
		return -1, dirError(path, err)
	}
	return fd, nil
}

// dirError names what to do if a directory cannot be opened.
func dirError(path string, err error) error {
	switch err {
	case unix.ENOENT:
		return fmt.Errorf("%s: %w: make it with maildirmake as its owner, or name the right Maildir", path, ErrMissing)
	case unix.ENOTDIR, unix.ELOOP, unix.EMLINK:
		return fmt.Errorf("%s: %w: it is a file or a symbolic link", path, ErrMissing)
	case safepath.ErrLink, safepath.ErrParent, safepath.ErrRelative:
		return fmt.Errorf("%s: %w: it %w", path, ErrMissing, err)
	case unix.EACCES:
		return fmt.Errorf("%s: %w: each directory on the way must be open to uid %d", path, err, unix.Geteuid())
	}
	return sys.Named(path, err)
}

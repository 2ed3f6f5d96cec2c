// Package lock owns the files by which processes agree about a Maildir: the lock that
// only one session holds, the way in which another one asks for it (takeover) or takes
// it at once (eviction), and the watch by which a standing session hears of both and of
// new mail.
//
// It takes descriptors of open directories and knows nothing of the messages in them.
package lock

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

var (
	// ErrLocked is the error if another process holds the Maildir's lock.
	ErrLocked = errors.New("locked by another session")
	// ErrLost is the error if a lock that this process held is no longer its own.
	ErrLost = errors.New("the mailbox's lock is lost")
)

const lockName = "vodmr.lock"

// A Lock is MAILDIR/vodmr.lock: an fcntl lock, since that one works over NFS. It is for
// one goroutine at a time.
type Lock struct {
	dir  int    // MAILDIR
	path string // its path, for the texts of errors
	fd   int    // vodmr.lock, or -1 if it is not held

	standing bool // only the first bytes are locked, see MarkStanding

	quarantined []string // see Quarantined
}

// New returns the lock of an open Maildir; it is not held yet. dir must stay open for as
// long as the Lock is in use. path is for the texts of errors.
func New(dir int, path string) *Lock { return &Lock{dir: dir, path: path, fd: -1} }

// Acquire takes the lock until Release. ErrLocked means that another process holds it.
// The file is opened only once, because closing any descriptor of it would drop the
// lock. It is never unlinked, because two processes could then hold locks on two files
// of that name. If the name is not a regular file, that is quarantined, see Quarantined.
func (l *Lock) Acquire() error {
	if l.fd >= 0 {
		return nil
	}
	err := l.open()
	if err == sys.ErrNotRegular {
		if err = l.quarantine(lockName, err, func() bool { return sys.IsOther(l.dir, lockName) }); err == nil {
			err = l.open()
		}
	}
	return l.named(lockName, err)
}

// Release drops the lock, if it is held.
func (l *Lock) Release() {
	sys.Close(l.fd)
	l.fd, l.standing = -1, false
}

// Renew asks for the lock that is held once more. A file server that restarts may forget
// its locks without a word (NFS, GlusterFS): then this takes the lock anew, or the error is
// ErrLost, if another process has it by now or the server does not give it back. The
// caller must change nothing in the Maildir any more in that case.
func (l *Lock) Renew() error {
	if l.fd < 0 {
		return nil
	}
	held := lockOf(0, 0)
	if l.standing {
		held = lockOf(0, standingBytes)
	}
	if err := controlLock(l.fd, unix.F_SETLK, &held); err != nil {
		return l.named(lockName, fmt.Errorf("%w: %w", ErrLost, err))
	}
	return nil
}

// InPlace reports if the file that is locked still has its name. It is true too if no
// lock is held. If somebody removed the file, another session may run beside this one. An
// error says that it cannot be known.
func (l *Lock) InPlace() (bool, error) {
	if l.fd < 0 {
		return true, nil
	}
	is, err := sys.InPlace(l.fd, l.dir, lockName)
	return is, l.named(lockName, err)
}

// Holder returns the process that holds the lock, or 0 if none does. A pid below zero
// stands for a process on another machine. The file is neither created nor locked. The
// process that holds the lock must not call it: closing the file again drops the lock.
func (l *Lock) Holder() (pid int, err error) {
	held, err := l.held()
	if err != nil || held.Type == unix.F_UNLCK {
		return 0, err
	}
	if held.Pid <= 0 {
		return -1, nil
	}
	return int(held.Pid), nil
}

// Standing reports if the process that holds the lock is a standing session. As with
// Holder, the process that holds the lock must not call it.
func (l *Lock) Standing() (bool, error) {
	held, err := l.held()
	return err == nil && isStanding(held), err
}

// isStanding reports if a lock that another process holds is a standing session's.
func isStanding(held unix.Flock_t) bool {
	return held.Type == unix.F_WRLCK && held.Len == standingBytes
}

// open opens and locks the file.
func (l *Lock) open() error {
	fd, err := l.openFile(lockName)
	if err != nil {
		return err
	}
	if err := setLock(fd); err != nil {
		unix.Close(fd)
		return err
	}
	l.fd = fd
	return nil
}

// held asks who holds the lock. If the file is missing, nobody does. The bytes behind the
// first are not asked about: those that another session locks to ask for the mailbox.
func (l *Lock) held() (unix.Flock_t, error) {
	held := lockOf(0, standingBytes)
	fd, err := sys.Open(l.dir, lockName, unix.O_RDONLY|sys.Safely, 0)
	if err == unix.ENOENT {
		held.Type = unix.F_UNLCK
		return held, nil
	}
	if err == nil {
		defer unix.Close(fd)
		err = controlLock(fd, unix.F_GETLK, &held)
	}
	return held, l.named(lockName, err)
}

// named puts the file's path in front of an error, if there is one.
func (l *Lock) named(name string, err error) error {
	return sys.Named(sys.Join(l.path, name), err)
}

// lockOf is a lock for writing on some bytes of a file; a length of 0 reaches to its end.
func lockOf(start, length int64) unix.Flock_t {
	return unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart, Start: start, Len: length}
}

// setLock locks all of a file, without waiting.
func setLock(fd int) error {
	lock := lockOf(0, 0)
	return controlLock(fd, unix.F_SETLK, &lock)
}

func controlLock(fd, command int, lock *unix.Flock_t) error {
	err := sys.Retry(func() error { return unix.FcntlFlock(uintptr(fd), command, lock) })
	if err == unix.EAGAIN || err == unix.EACCES {
		return ErrLocked
	}
	return err
}

package maildir

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

const lockName = "vodmr.lock"

// Lock takes MAILDIR/vodmr.lock until Close: an fcntl lock, since that one works over
// NFS. ErrLocked means that another process holds it. The file is opened once, as
// closing any descriptor of it would drop the lock, and never unlinked, as two
// processes could then hold locks on two files of that name. What is no regular file is
// set aside, see Aside.
func (b *Box) Lock() error {
	if b.lock >= 0 {
		return nil
	}
	err := b.openLock()
	if err == ErrNotRegular {
		if err = b.setAside(lockName, err, b.lockIsOdd); err == nil {
			err = b.openLock()
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", sys.Join(b.path, lockName), err)
	}
	return nil
}

// openLock opens and locks the file.
func (b *Box) openLock() error {
	fd, err := b.openFile(lockName)
	if err != nil {
		return err
	}
	if err := setLock(fd); err != nil {
		unix.Close(fd)
		return err
	}
	b.lock = fd
	return nil
}

func (b *Box) lockIsOdd() bool { return sys.IsOther(b.dir, lockName) }

// setLock locks the whole of a file, for writing, without waiting.
func setLock(fd int) error {
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	return controlLock(fd, unix.F_SETLK, &lock)
}

func controlLock(fd, command int, lock *unix.Flock_t) error {
	err := sys.Retry(func() error { return unix.FcntlFlock(uintptr(fd), command, lock) })
	if err == unix.EAGAIN || err == unix.EACCES {
		return ErrLocked
	}
	return err
}

// Holder says which process holds the lock that Lock would take, 0 for none. A pid
// below zero stands for a process on another machine. The file is neither created
// nor locked; where it is not there, nobody holds it.
func (b *Box) Holder() (pid int, err error) {
	lock, err := b.held()
	switch {
	case err != nil || lock.Type == unix.F_UNLCK:
		return 0, err
	case lock.Pid <= 0:
		return -1, nil
	}
	return int(lock.Pid), nil
}

// held asks for a lock of another process that Lock would meet.
func (b *Box) held() (unix.Flock_t, error) {
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	fd, err := sys.Open(b.dir, lockName, unix.O_RDONLY|sys.Safely, 0)
	if err == nil {
		defer unix.Close(fd)
		err = controlLock(fd, unix.F_GETLK, &lock)
	}
	switch {
	case err == unix.ENOENT:
		lock.Type = unix.F_UNLCK
	case err != nil:
		return lock, fmt.Errorf("%s: %w", sys.Join(b.path, lockName), err)
	}
	return lock, nil
}

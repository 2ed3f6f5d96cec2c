package maildir

import (
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// A session that stands holds the lock for days, so another one that finds it held
// must be able to tell, and to ask whether the session's peer is still there. It
// tells by the lock itself: the usual one covers the whole file, that of a session
// that stands only the first byte. Any two of them exclude each other all the same.
// It asks by writing to MAILDIR/vodmr.ask, which the other's Watch sees.
const askName = "vodmr.ask"

// standBytes is how much of the lock file a session that stands has locked.
const standBytes = 1

// restOfLock is of the part of the lock file that a session that stands leaves free.
func restOfLock(kind int16) unix.Flock_t {
	return unix.Flock_t{Type: kind, Whence: io.SeekStart, Start: standBytes}
}

// Stand tells others that this session, which holds the lock, stands. Call it after
// Watch: who is told so may ask at once.
func (b *Box) Stand() error {
	rest := restOfLock(unix.F_UNLCK)
	if err := controlLock(b.lock, unix.F_SETLK, &rest); err != nil {
		return fmt.Errorf("%s: %w", sys.Join(b.path, lockName), err)
	}
	return nil
}

// again is how often a lock that was asked for is tried.
const again = 250 * time.Millisecond

// TakeOver asks a session that stands for the lock, and waits until patience for it to
// end: it does where its peer does not answer. The error is ErrLocked where that
// session goes on, and at once where the one that holds the lock does not stand.
// Several may ask at the same time; one gets the lock. Where it cannot be asked, unasked
// is told once, and the lock is tried all the same: the session may end by itself.
func (b *Box) TakeOver(patience time.Duration, unasked func(error)) error {
	held, err := b.held()
	if err != nil {
		return err
	}
	if held.Type == unix.F_WRLCK && held.Len != standBytes {
		return fmt.Errorf("%s: %w", sys.Join(b.path, lockName), ErrLocked)
	}
	asked := b.ask()
	if asked != nil {
		unasked(asked)
	}
	for until := time.Now().Add(patience); ; time.Sleep(again) {
		if err := b.Lock(); err == nil || time.Now().After(until) {
			return err
		}
		if asked != nil {
			asked = b.ask()
		}
	}
}

// ask writes to vodmr.ask. What is in it means nothing.
func (b *Box) ask() error {
	fd, err := b.openAsk()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := writeAsk(fd); err != nil {
		return fmt.Errorf("%s: %w", sys.Join(b.path, askName), err)
	}
	return nil
}

// writeAsk writes over the one byte of vodmr.ask.
func writeAsk(fd int) error { return sys.WriteAt(fd, []byte("\n"), 0) }

const (
	askTries = 10
	askPause = 10 * time.Millisecond
)

// openAsk opens vodmr.ask, and makes it where it is missing. It is never removed, as
// a Watch may have it open. What cannot be written to is set aside; another process may
// be at that, which takes no time.
func (b *Box) openAsk() (fd int, err error) {
	for range askTries {
		fd, err = b.openFile(askName)
		if err != ErrNotRegular && err != unix.EACCES {
			break
		}
		aside := b.setAside(askName, err, b.askIsOdd)
		if aside == ErrLocked {
			time.Sleep(askPause)
		} else if aside != nil {
			err = aside
			break
		}
	}
	if err != nil {
		return -1, fmt.Errorf("%s: %w", sys.Join(b.path, askName), err)
	}
	fillAsk(fd)
	return fd, nil
}

// fillAsk gives vodmr.ask its byte where it has none, so that on a disk that is full
// later asking needs no room. That this fails shows when somebody asks.
func fillAsk(fd int) {
	var st unix.Stat_t
	if sys.Stat(fd, &st) == nil && st.Size == 0 {
		_ = writeAsk(fd)
	}
}

// askIsOdd says that what has the name is no file, or another user's.
func (b *Box) askIsOdd() bool {
	if sys.IsOther(b.dir, askName) {
		return true
	}
	fd, err := sys.Open(b.dir, askName, unix.O_WRONLY|sys.Safely, 0)
	sys.Close(fd)
	return err == unix.EACCES
}

// Changed is when something was last put into new or taken out, as far as its
// filesystem tells, in Unix nanoseconds: what a Watch does not see, since it was done
// by another host over NFS or since there is no Watch, shows here.
func (b *Box) Changed() (int64, error) {
	fd, err := sys.Reopen(b.sub[inNew]) // opening asks an NFS server anew
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	err = sys.Stat(fd, &st)
	return st.Mtim.Nano(), err
}

// Same says whether the Maildir's path still leads to what is open, and the lock that is
// held is still what others would ask for. A Maildir that was moved or made anew gets
// its mail elsewhere; beside a lock file that somebody removed, another session may run.
func (b *Box) Same() bool {
	now, err := Open(b.home, b.name)
	if err != nil {
		return false
	}
	defer now.Close()
	var x, y unix.Stat_t
	same := sys.Stat(b.sub[inNew], &x) == nil && sys.Stat(now.sub[inNew], &y) == nil && sys.SameFile(&x, &y)
	return same && b.lockInPlace()
}

// lockInPlace says whether the file that is locked, if any, still has its name.
func (b *Box) lockInPlace() bool {
	if b.lock < 0 {
		return true
	}
	var x, y unix.Stat_t
	return sys.Stat(b.lock, &x) == nil && sys.Lstat(b.dir, lockName, &y) == nil && sys.SameFile(&x, &y)
}

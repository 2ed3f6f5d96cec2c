package lock

import (
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// A standing session holds the lock for days. So another session that finds the lock
// held must be able to tell if the holder is a standing one, and to ask if that session's
// peer is still there. It can tell by the lock itself: an ordinary session locks the
// whole file, a standing one only the first byte. Any two of them exclude each other all
// the same. It asks by writing to MAILDIR/vodmr.ask, which the other's Watch sees, and by a
// lock on one byte far behind the others, which a session on another host sees: a file
// server answers for its locks, but each host remembers for a while how a file looked.
const (
	askName = "vodmr.ask"
	askByte = 1 << 20
)

// standingBytes is how much of the lock file a standing session has locked.
const standingBytes = 1

// restOfLock is a lock on the part of the lock file that a standing session leaves free.
func restOfLock() unix.Flock_t { return lockOf(standingBytes, 0) }

// MarkStanding shows others that this session, which holds the lock, is a standing one.
// Call it after Watch: another session may ask from then on.
func (l *Lock) MarkStanding() error {
	rest := restOfLock()
	rest.Type = unix.F_UNLCK
	err := controlLock(l.fd, unix.F_SETLK, &rest)
	l.standing = err == nil
	return l.named(lockName, err)
}

// A Request is what another process wants of a standing session.
type Request int

// The zero Request is none.
const (
	TakeOverRequest Request = iota + 1
	EvictionRequest
)

// Requested returns what another process wants, on this host or another. It asks the file
// server each time.
func (l *Lock) Requested() Request {
	rest := restOfLock()
	if controlLock(l.fd, unix.F_GETLK, &rest) != nil || rest.Type == unix.F_UNLCK {
		return 0
	}
	if rest.Start == askByte && rest.Len == 1 {
		return TakeOverRequest
	}
	return EvictionRequest
}

// takeOverInterval is how often a session that asked for the lock tries to get it.
const takeOverInterval = 250 * time.Millisecond

// TakeOver asks a standing session for the lock, and waits until patience is over for it
// to end, which it does if its peer does not answer. The error is ErrLocked if that
// session goes on, and at once if the session that holds the lock is not a standing one.
// Several processes may ask at the same time; one gets the lock. If the session cannot be
// asked, unasked is called once, and the lock is tried all the same: the session may end
// by itself.
func (l *Lock) TakeOver(patience time.Duration, unasked func(error)) error {
	held, err := l.held()
	if err != nil {
		return err
	}
	if held.Type == unix.F_WRLCK && !isStanding(held) {
		return l.named(lockName, ErrLocked)
	}
	asked := l.ask()
	if asked != nil {
		unasked(asked)
	}
	if err := l.askByLock(time.Now().Add(patience), asked != nil); err != nil {
		return l.named(lockName, err)
	}
	return l.ofTheName()
}

// ofTheName takes the lock of the file that has the name now, if somebody replaced that while
// this process waited.
func (l *Lock) ofTheName() error {
	if is, _ := l.InPlace(); is {
		return nil
	}
	l.Release()
	return l.Acquire()
}

// askByLock takes the lock once it is free, and keeps the byte of askers locked until
// then, if no other asker has it. If unasked, it also tries to write to vodmr.ask. There is
// one descriptor for both locks, since closing any other of the file would drop them.
func (l *Lock) askByLock(until time.Time, unasked bool) error {
	fd, err := l.openFile(lockName)
	if err != nil {
		return err
	}
	asker := lockOf(askByte, 1)
	for ; ; time.Sleep(takeOverInterval) {
		if err = setLock(fd); err == nil {
			l.fd = fd
			return nil
		}
		if time.Now().After(until) {
			unix.Close(fd)
			return err
		}
		_ = controlLock(fd, unix.F_SETLK, &asker)
		if unasked {
			unasked = l.ask() != nil
		}
	}
}

// ask writes to vodmr.ask. The file's content means nothing.
func (l *Lock) ask() error {
	fd, err := l.openAsk()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return l.named(askName, writeAsk(fd))
}

// writeAsk writes over the one byte of vodmr.ask.
func writeAsk(fd int) error { return sys.WriteAt(fd, []byte("\n"), 0) }

const (
	askTries = 10
	askPause = 10 * time.Millisecond
)

// openAsk opens vodmr.ask, and makes it if it is missing. The file is never removed,
// because a Watch may have it open. If it cannot be written to, it is quarantined; if
// another process is doing that, this one waits, since it takes no time.
func (l *Lock) openAsk() (fd int, err error) {
	for range askTries {
		fd, err = l.openFile(askName)
		if err != sys.ErrNotRegular && err != unix.EACCES {
			break
		}
		failed := l.quarantine(askName, err, l.askIsUnusable)
		if failed == ErrLocked {
			time.Sleep(askPause)
		} else if failed != nil {
			err = failed
			break
		}
	}
	if err != nil {
		return -1, l.named(askName, err)
	}
	// It gets its byte if it has none, so that asking needs no room if the disk is full later.
	// If this fails, the next process that asks reports it.
	var st unix.Stat_t
	if sys.Stat(fd, &st) == nil && st.Size == 0 {
		_ = writeAsk(fd)
	}
	return fd, nil
}

// askIsUnusable reports if vodmr.ask is not a regular file, or another user's.
func (l *Lock) askIsUnusable() bool {
	if sys.IsOther(l.dir, askName) {
		return true
	}
	fd, err := sys.Open(l.dir, askName, unix.O_WRONLY|sys.Safely, 0)
	sys.Close(fd)
	return err == unix.EACCES
}

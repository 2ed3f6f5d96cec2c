package lock

import (
	"time"

	"golang.org/x/sys/unix"
)

// A program that has to change the Maildir, and cannot wait for the end of a standing
// session, evicts that session. It locks the rest of the lock file, which a standing
// session leaves free. The session sees that when it is asked, and ends cleanly, even if
// its peer is there. Nothing has to be cleaned up: the request ends with the process
// that made it.

// evictInterval is how often a standing session is asked to end.
const evictInterval = time.Second

// Evict takes the lock from a standing session, and waits until patience is over for it
// to end. The error is ErrLocked if it did not, and at once if the session that holds
// the lock is not a standing one.
func (l *Lock) Evict(patience time.Duration) error {
	fd, err := l.openFile(lockName)
	if err == nil {
		if err = l.evict(fd, patience); err == nil {
			l.fd = fd // closing it any earlier would drop the lock
			return l.ofTheName()
		}
		unix.Close(fd)
	}
	return l.named(lockName, err)
}

func (l *Lock) evict(fd int, patience time.Duration) error {
	rest := restOfLock()
	if err := controlLock(fd, unix.F_SETLK, &rest); err != nil {
		return err
	}
	for until := time.Now().Add(patience); ; time.Sleep(evictInterval) {
		_ = l.ask() // if that fails, the session still looks now and then
		if err := setLock(fd); err != ErrLocked || time.Now().After(until) {
			return err
		}
	}
}

// EvictionRequested reports if another process evicts this session, a standing one.
func (l *Lock) EvictionRequested() bool { return l.Requested() == EvictionRequest }

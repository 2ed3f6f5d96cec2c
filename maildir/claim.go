package maildir

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// Who has to do something to the Maildir that cannot wait for the end of a session that
// stands claims it: by a lock on the rest of the lock file, which such a session has
// left free. The session sees that when it is asked, and ends in order, though its peer
// is there. A claim needs no cleaning up: it ends with the process that made it.

// claimAgain is how often a session that stands is asked to end.
const claimAgain = time.Second

// Claim takes the lock from a session that stands, and waits until patience for it to
// end. The error is ErrLocked where it did not, and at once where the session that holds
// the lock does not stand.
func (b *Box) Claim(patience time.Duration) error {
	fd, err := b.openFile(lockName)
	if err == nil {
		if err = b.claim(fd, patience); err == nil {
			b.lock = fd // closed any sooner, it would drop the lock
			return nil
		}
		unix.Close(fd)
	}
	return fmt.Errorf("%s: %w", sys.Join(b.path, lockName), err)
}

func (b *Box) claim(fd int, patience time.Duration) error {
	rest := restOfLock(unix.F_WRLCK)
	if err := controlLock(fd, unix.F_SETLK, &rest); err != nil {
		return err
	}
	for until := time.Now().Add(patience); ; time.Sleep(claimAgain) {
		_ = b.ask() // where that fails, the session still looks now and then
		if err := setLock(fd); err != ErrLocked || time.Now().After(until) {
			return err
		}
	}
}

// Claimed says whether another process claims the Maildir from this session, which
// stands.
func (b *Box) Claimed() bool {
	rest := restOfLock(unix.F_WRLCK)
	return controlLock(b.lock, unix.F_GETLK, &rest) == nil && rest.Type != unix.F_UNLCK
}

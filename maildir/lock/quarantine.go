package lock

import (
	"fmt"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

const (
	badSuffix = ".bad"
	guardName = "vodmr.lock.mend"
)

// Quarantined returns the names of the files that were quarantined since it was last
// called: something that was not a usable file had the name, and is NAME.bad now. A link or the
// like may have been removed.
func (l *Lock) Quarantined() []string {
	names := l.quarantined
	l.quarantined = nil
	return names
}

// openFile opens a file of vodmr's in the Maildir, and makes it if it is missing.
// ErrNotRegular means that something that is not a regular file has its name. Each
// system has errors of its own for that.
func (l *Lock) openFile(name string) (int, error) {
	fd, _, err := sys.OpenRegular(l.dir, name, unix.O_RDWR|unix.O_CREAT|sys.Safely, 0o600)
	if err != nil && sys.IsOther(l.dir, name) {
		err = sys.ErrNotRegular
	}
	return fd, err
}

// quarantine puts away what has a file's name and cannot be used; why is the reason. A
// second lock keeps two processes from doing so at once, and unusable is asked again
// under it: otherwise a second process could rename the file that the first one has just
// made, and each would use a file of its own.
func (l *Lock) quarantine(name string, why error, unusable func() bool) error {
	guard, err := sys.Open(l.dir, guardName, unix.O_RDWR|unix.O_CREAT|sys.Safely, 0o600)
	if err != nil {
		return fmt.Errorf("%w, and it cannot be quarantined: %s: %w", why, guardName, err)
	}
	defer unix.Close(guard)
	if err := setLock(guard); err != nil {
		return err
	}
	if !unusable() {
		return nil
	}
	if err := sys.Quarantine(l.dir, name, name+badSuffix); err != nil {
		return fmt.Errorf("%w, and it cannot be quarantined: %w", why, err)
	}
	l.quarantined = append(l.quarantined, name)
	return nil
}

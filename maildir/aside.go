package maildir

import (
	"fmt"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

const (
	badSuffix = ".bad"
	guardName = "vodmr.lock.mend"
)

// Aside names the files in whose place there was something else since it was last asked
// for. That is NAME.bad now.
func (b *Box) Aside() []string {
	names := b.aside
	b.aside = nil
	return names
}

// openFile opens a file of ours in the Maildir, and makes it where it is missing.
// ErrNotRegular means that something else has its name, for which each system has
// errors of its own.
func (b *Box) openFile(name string) (int, error) {
	fd, err := sys.Open(b.dir, name, unix.O_RDWR|unix.O_CREAT|sys.Safely, 0o600)
	if err != nil {
		if sys.IsOther(b.dir, name) {
			return -1, ErrNotRegular
		}
		return -1, err
	}
	var st unix.Stat_t
	if err = sys.Stat(fd, &st); err == nil && !sys.IsRegular(&st) {
		err = ErrNotRegular
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// setAside renames what has a file's name and is odd; why is what is wrong with it. It
// does so under a lock of its own, and looks again there: else a second process could
// rename the file that the first made anew, and each would go by another one.
func (b *Box) setAside(name string, why error, odd func() bool) error {
	guard, err := sys.Open(b.dir, guardName, unix.O_RDWR|unix.O_CREAT|sys.Safely, 0o600)
	if err != nil {
		return fmt.Errorf("%w, and it cannot be set aside: %s: %w", why, guardName, err)
	}
	defer unix.Close(guard)
	if err := setLock(guard); err != nil {
		return err
	}
	if !odd() {
		return nil
	}
	sys.Unlink(b.dir, name+badSuffix) // a file cannot be replaced by a directory
	if err := sys.Rename(b.dir, name, name+badSuffix); err != nil {
		return fmt.Errorf("%w, and it cannot be set aside: %w", why, err)
	}
	b.aside = append(b.aside, name)
	return nil
}

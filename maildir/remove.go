package maildir

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
	"vodmr/internal/sys"
	"vodmr/maildir/lock"
)

// ErrQuota is the error if messages were removed, but maildirsize could not be updated. The
// programs that use that file count anew from time to time.
var ErrQuota = errors.New("maildirsize")

// Remove unlinks a message and updates maildirsize, if there is one. size is the file's
// size in bytes. A message that was renamed is found again. ErrGone means that it was
// removed before, and ErrQuota that this call removed it. If the error is another one,
// the message is still there.
func (b *Box) Remove(e Entry, size int64) error {
	if err := b.Removed(e, size, b.Unlink(e)); err != nil {
		return err
	}
	return b.Credit()
}

// Unlink removes the name of a message, and does nothing else. The caller hands its error
// to Removed. Unlike all else here, other goroutines may call it at any time before Close.
func (b *Box) Unlink(e Entry) error {
	if b.Abandoned() {
		return lock.ErrLost
	}
	return sys.Unlink(b.sub[e.sub()], e.Name)
}

// Removed ends a removal that Unlink has begun and returned err for. It does as Remove does,
// except that maildirsize is not updated before Credit is called.
func (b *Box) Removed(e Entry, size int64, err error) error {
	if err == unix.ENOENT {
		e, err = b.follow(e, b.Unlink)
	}
	if err != nil {
		return sys.Named(e.Path(), err)
	}
	// The size that was counted when the message came.
	if n, ok := sizeIn([]byte(e.Name)); ok {
		size = n
	}
	b.freed.bytes += size
	b.freed.count++
	return nil
}

// freed is what was removed and is not in maildirsize yet.
type freed struct {
	bytes int64
	count int
}

// Uncredited is how many messages were removed that maildirsize still counts.
func (b *Box) Uncredited() int { return b.freed.count }

// MayRemove returns nil if this program may remove messages, otherwise the reason.
func (b *Box) MayRemove() error {
	for i, sub := range b.sub {
		if err := sys.MayChange(sub); err != nil {
			return sys.Named(subNames[i], err)
		}
	}
	return nil
}

// Credit notes in maildirsize what the removals since the last time have freed; the error is
// ErrQuota. The file is never created. It is opened each time, since other programs
// replace it when they count anew. If it is missing, that holds until the next scan.
func (b *Box) Credit() error {
	if b.freed.count == 0 || b.noQuota || b.Abandoned() {
		b.freed = freed{}
		return nil
	}
	line := fmt.Appendf(nil, "-%d -%d\n", b.freed.bytes, b.freed.count)
	b.freed = freed{}
	fd, _, err := sys.OpenRegular(b.dir, "maildirsize", unix.O_WRONLY|unix.O_APPEND|sys.Safely, 0)
	if err == unix.ENOENT {
		b.noQuota = true
		return nil
	}
	if err == nil {
		err = fdio.WriteAll(fd, line)
		unix.Close(fd)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrQuota, err)
	}
	return nil
}

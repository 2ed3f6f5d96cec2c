package maildir

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
	"vodmr/internal/sys"
)

// A QuotaError is the error if a message was removed, but maildirsize could not be updated.
// The programs that use that file count anew from time to time.
type QuotaError struct{ Err error }

func (e *QuotaError) Error() string { return "maildirsize: " + e.Err.Error() }
func (e *QuotaError) Unwrap() error { return e.Err }

// Remove unlinks a message and updates maildirsize, if there is one. size is the file's
// size in bytes. A message that was renamed is found again. ErrGone means that it was
// removed before, and a *QuotaError that this call removed it. If the error is another one,
// the message is still there.
func (b *Box) Remove(e Entry, size int64) error {
	at, err := b.follow(e, func(e Entry) error { return sys.Unlink(b.sub[e.sub()], e.Name) })
	if err != nil {
		return fmt.Errorf("%s: %w", at.Path(), err)
	}
	if n, ok := quotaSize(at.Name); ok {
		size = n
	}
	if err := b.credit(size); err != nil {
		return &QuotaError{err}
	}
	return nil
}

// MayRemove returns nil if this program may remove messages, otherwise the reason.
func (b *Box) MayRemove() error {
	for i, sub := range b.sub {
		if err := sys.MayChange(sub); err != nil {
			return fmt.Errorf("%s: %w", subNames[i], err)
		}
	}
	return nil
}

// credit notes in maildirsize the bytes that a removal frees. The file is never created. It
// is opened each time, since other programs replace it when they count anew.
func (b *Box) credit(size int64) error {
	fd, _, err := sys.OpenRegular(b.dir, "maildirsize", unix.O_WRONLY|unix.O_APPEND|sys.Safely, 0)
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return fdio.WriteAll(fd, fmt.Appendf(nil, "-%d -1\n", size))
}

// quotaSize returns the ,S=N of a name: the size that was counted when the message came.
func quotaSize(name string) (int64, bool) {
	name, _, _ = strings.Cut(name, info)
	for field := range strings.SplitSeq(name, ",") {
		if number, ok := strings.CutPrefix(field, "S="); ok {
			n, err := strconv.ParseUint(number, 10, 63) // digits alone, without a sign
			return int64(n), err == nil
		}
	}
	return 0, false
}

package maildir

import (
	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// Find returns where a message is now, since a mail reader may have renamed it. The error
// is ErrGone if it was deleted, or marked for deletion.
func (b *Box) Find(e Entry) (Entry, error) {
	var st unix.Stat_t
	at, err := b.follow(e, func(e Entry) error {
		if e.trashed() {
			return ErrGone
		}
		return sys.Lstat(b.sub[e.sub()], e.Name, &st)
	})
	return at, sys.Named(at.Path(), err)
}

// follow does op to a message. If its name is gone, it tries the names that a mail reader
// may have given it. It returns the last name tried, and ErrGone if none is there.
func (b *Box) follow(e Entry, op func(Entry) error) (Entry, error) {
	err := op(e)
	if err != unix.ENOENT {
		return e, err
	}
	base := e.Base()
	for _, flags := range [...]string{info, info + "S"} { // seen, or only listed
		at := Entry{Name: base + flags, Cur: true, Time: e.Time}
		if err := op(at); err != unix.ENOENT {
			return at, err
		}
	}
	return b.search(e, op)
}

// search does op to the name that the directories have for a message. A mail reader may
// rename or delete a hundred thousand messages at once, so what was read is remembered. A
// name that was not there then cannot come back, and one that is not there any more has
// been renamed once more: then, and only then, the directories are read again.
func (b *Box) search(e Entry, op func(Entry) error) (Entry, error) {
	for fresh := false; ; {
		if b.index == nil {
			var err error
			if b.index, err = b.readIndex(); err != nil {
				return e, err
			}
			fresh = true
		}
		names := b.index.find(e)
		for _, at := range names {
			if err := op(at); err != unix.ENOENT {
				return at, err
			}
		}
		if fresh || len(names) == 0 {
			return e, ErrGone
		}
		b.index = nil
	}
}

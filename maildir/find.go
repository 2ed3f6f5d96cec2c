package maildir

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// Find says where a message is now: a mail reader may have renamed it since. The error
// is ErrGone where it was deleted, or marked for deletion.
func (b *Box) Find(e Entry) (Entry, error) {
	var st unix.Stat_t
	at, err := b.follow(e, func(e Entry) error {
		if e.trashed() {
			return ErrGone
		}
		return lstatat(b.sub[e.sub()], e.Name, &st)
	})
	if err != nil {
		return at, fmt.Errorf("%s: %w", at.Path(), err)
	}
	return at, nil
}

// follow does op to a message, and where its name is gone, to the names that a mail
// reader may have given it. It returns the last name tried, and ErrGone where there
// is none.
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
	at, err := b.search(e)
	if err != nil {
		return e, err
	}
	if err = op(at); err == unix.ENOENT {
		err = ErrGone
	}
	return at, err
}

// search reads both directories for the base name. A mail reader may delete a hundred
// thousand messages at once, so each search that fails remembers what it saw: a name
// that was not there then cannot come back. One word a name, the hash of its base.
func (b *Box) search(e Entry) (Entry, error) {
	base := e.Base()
	if b.seen != nil {
		if _, found := slices.BinarySearch(b.seen, hash([]byte(base))); !found {
			return e, ErrGone
		}
	}
	seen := make([]uint64, 0, len(b.seen)+1)
	for sub, dir := range b.sub {
		found := ""
		err := eachFile(dir, func(name []byte) bool {
			rest := baseOf(name)
			seen = append(seen, hash(rest))
			if string(rest) == base {
				found = string(name)
			}
			return found == ""
		})
		if err != nil {
			return e, err
		}
		if found != "" {
			return Entry{Name: found, Cur: sub == inCur, Time: e.Time}, nil
		}
	}
	slices.Sort(seen)
	b.seen = seen
	return e, ErrGone
}

// hash is FNV-1a with 64 bits.
func hash(s []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range s {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

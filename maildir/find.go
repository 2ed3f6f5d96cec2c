package maildir

import (
	"slices"

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
	if err != nil {
		return at, sys.Named(at.Path(), err)
	}
	return at, nil
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

// An index finds the present name of a message by its base name. It has one word for each
// name, sorted: the upper bits are those of the base's hash, the lower ones tell which of
// the places it has. If two bases have one hash, no harm is done: both names are tried.
type index struct {
	words  []uint64
	places []place
}

// A place is the directory and the flags of a name, which change while its base stays.
type place struct {
	flags string // ":2,RS", say, or nothing
	cur   bool
}

const (
	placeBits = 12
	// placesMax bounds the combinations of flags that are remembered. A name with another
	// one counts as gone until the next scan.
	placesMax = 1 << placeBits
)

// readIndex reads new and then cur, since a mail reader moves messages in this direction.
func (b *Box) readIndex() (*index, error) {
	b.searches++
	x := &index{}
	known := make(map[place]uint64)
	for sub, dir := range b.sub {
		err := eachFile(dir, func(name []byte) {
			base := baseOf(name)
			x.add(known, base, place{flags: string(name[len(base):]), cur: sub == inCur})
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(x.words)
	return x, nil
}

func (x *index) add(known map[place]uint64, base []byte, p place) {
	at, found := known[p]
	if !found && len(x.places) == placesMax {
		return
	}
	if !found {
		at = uint64(len(x.places))
		known[p] = at
		x.places = append(x.places, p)
	}
	x.words = append(x.words, hash(base)&^(placesMax-1)|at)
}

// find returns the names that a message may have now: none if it was gone, and two if a mail
// reader moved it during the reading.
func (x *index) find(e Entry) (names []Entry) {
	base := e.Base()
	first := hash([]byte(base)) &^ (placesMax - 1)
	i, _ := slices.BinarySearch(x.words, first)
	for ; i < len(x.words) && x.words[i]&^(placesMax-1) == first; i++ {
		p := x.places[x.words[i]&(placesMax-1)]
		names = append(names, Entry{Name: base + p.flags, Cur: p.cur, Time: e.Time})
	}
	return names
}

// hash is FNV-1a with 64 bits.
func hash(s []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range s {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

package maildir

import "slices"

// An index tells from the base name of a message what it is called now. It is a word a
// name, sorted: the upper bits are those of the base's hash, the lower ones say which of
// the places it has. Two bases of one hash do no harm: the name that comes of it is tried.
type index struct {
	words  []uint64
	places []place
}

// A place is what a name has beside its base: the flags, and the directory.
type place struct {
	flags string // ":2,RS", say, or nothing
	cur   bool
}

const (
	placeBits = 12
	// placesMax bounds the kinds of flags that are remembered. A name with more than that
	// counts as gone until the next scan.
	placesMax = 1 << placeBits
)

// readIndex reads new and cur, in this order, as a mail reader moves messages from the one
// to the other.
func (b *Box) readIndex() (*index, error) {
	b.searches++
	x := &index{}
	known := make(map[place]uint64)
	for sub, dir := range b.sub {
		err := eachFile(dir, func(name []byte) bool {
			base := baseOf(name)
			x.add(known, base, place{flags: string(name[len(base):]), cur: sub == inCur})
			return true
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

// find lists what a message may be called now: nothing if it was gone, and two names if a
// mail reader moved it meanwhile.
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

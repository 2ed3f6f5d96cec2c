package maildir

import "slices"

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

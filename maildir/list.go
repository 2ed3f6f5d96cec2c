package maildir

// A List holds the messages that a Scan found, oldest first. A million names must cost
// little more than their bytes. So they are in an arena outside Go's heap, because the
// collector would let as much garbage pile up beside them. A binary heap with one word for
// each name orders them, so that names that are never asked for are not sorted. A word's
// upper half is the time, its lower half the record's place in the arena.
//
// Measured with a million names of some 45 bytes, against one []byte of names sorted by
// slices.SortFunc: the first message after 0.3 s instead of 3 s, all of them after 1.6 s
// instead of 3.5 s, with a peak of 55 MB instead of 140 MB.
type List struct {
	scan   scan
	names  [][]byte // the arena: see add
	words  [][]byte // the heap, in pieces so that it grows without a copy
	count  int
	heaped bool   // words are in heap order
	last   string // base of the entry that Next gave last
	bytes  int64  // see Bytes
	sizes  bool   // each name so far told its size

	scratch [256]byte // for one name
}

// Len returns how many messages Next still has to give. A message that was renamed during
// the scan may count twice.
func (l *List) Len() int { return l.count }

// Bytes returns the size of all messages that the scan found, if each name tells it, as
// ",S=221" does; otherwise 0.
func (l *List) Bytes() int64 {
	if !l.sizes {
		return 0
	}
	return l.bytes
}

// Next returns the oldest message and takes it off the list. Messages of one second are in
// the order of the microseconds in their names, if there are any, and then in that of the
// names, with numbers in them compared as numbers. If a mail reader
// renamed a message during the scan, it was met under both names; it is returned only
// once, since it could be sent twice otherwise.
func (l *List) Next() (Entry, bool) {
	for l.count > 0 {
		r := l.record(l.pop())
		e := Entry{Name: string(r.appendName(l.scratch[:0])), Cur: r.cur, Time: r.seconds}
		if base := e.Base(); base != l.last {
			l.last = base
			return e, true
		}
	}
	return Entry{}, false
}

// Bases hands on the base name of each message that Next still has to give, in no order. A
// name is valid only until yield returns. It is meant for the spool's history.
func (l *List) Bases(yield func(base []byte) bool) {
	for i := range l.count {
		if !yield(baseOf(l.record(l.at(i)).appendName(l.scratch[:0]))) {
			return
		}
	}
}

package maildir

// A List is what a Scan found, oldest first. A million names must cost little more
// than their bytes: they lie in an arena outside Go's heap, whose collector would let
// as much garbage pile up beside them, and a heap of one word each orders them, so
// that nothing is sorted that is never asked for. A word's upper half is the time, its
// lower half the record's place in the arena.
type List struct {
	scan   scan
	names  [][]byte // the arena: see add
	words  [][]byte // the heap, in pieces so that it grows without a copy
	count  int
	heaped bool   // words are in heap order
	last   string // base of the entry that Next gave last

	scratch [256]byte // for one name
}

// Len is how many messages Next has still to give; one that was renamed during the
// scan may count twice.
func (l *List) Len() int { return l.count }

// Next gives the oldest message and takes it off the list. Messages of one second are
// in the order of their names, with numbers in them compared as numbers. A message
// that a mail reader renamed during the scan was met under both names; it is given
// once, or it could be sent twice.
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

// Bases hands on the base name of each message that Next has still to give, in no
// order. A name is good only until yield returns. It is meant for Notes.Begin.
func (l *List) Bases(yield func(base []byte) bool) {
	for i := range l.count {
		if !yield(baseOf(l.record(l.at(i)).appendName(l.scratch[:0]))) {
			return
		}
	}
}

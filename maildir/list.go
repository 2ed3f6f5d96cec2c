package maildir

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

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

const (
	namesPiece = 64 << 10
	wordsPiece = 8 << 10                // words
	wordSize   = 8                      // bytes
	maxNames   = (1 << 32) / namesPiece // pieces that a word's 32 bits can point into

	// A record is a head of two bytes, which is these flags and the length of what
	// is stored of the name, then the file's time where flagTime says so, then that.
	flagCur  = 1 << 15
	flagTime = 1 << 14 // the time is stored, as the word cannot tell it
	flagCut  = 1 << 13 // the name's "TIME." is not stored, as the word tells it
	maxName  = flagCut - 1
	headSize = 2
	timeSize = 8
)

// add remembers a name. seconds is stored only where the name does not hold it.
func (l *List) add(name []byte, cur bool, seconds int64, stamped bool) {
	rest, cut := withoutStamp(name, seconds, stamped)
	head := uint16(len(rest))
	if cur {
		head |= flagCur
	}
	if cut {
		head |= flagCut
	} else {
		head |= flagTime
	}
	piece := l.room(headSize + timeSize + len(rest))
	if piece < 0 {
		return
	}
	at := len(l.names[piece])
	buf := binary.LittleEndian.AppendUint16(l.names[piece], head)
	if !cut {
		buf = binary.LittleEndian.AppendUint64(buf, uint64(seconds))
	}
	l.names[piece] = append(buf, rest...)
	l.push(uint64(clamp(seconds))<<32 | uint64(piece*namesPiece+at))
}

// withoutStamp cuts the "TIME." off a name where the time alone brings it back.
func withoutStamp(name []byte, seconds int64, stamped bool) (rest []byte, cut bool) {
	if !stamped || int64(clamp(seconds)) != seconds {
		return name, false
	}
	var scratch [24]byte
	return bytes.CutPrefix(name, appendStamp(scratch[:0], seconds))
}

func appendStamp(buf []byte, seconds int64) []byte {
	return append(strconv.AppendInt(buf, seconds, 10), '.')
}

// room gives the piece of the arena that has room for size bytes, or -1 where there are
// 4 GiB of names or no memory is left: the rest waits for the next session.
func (l *List) room(size int) int {
	last := len(l.names) - 1
	if last >= 0 && len(l.names[last])+size <= namesPiece {
		return last
	}
	if len(l.names) == maxNames || size > namesPiece {
		return -1
	}
	memory := offHeap(namesPiece)
	if memory == nil {
		return -1
	}
	l.names = append(l.names, memory[:0])
	return last + 1
}

// clamp fits a time into the upper half of a word. Where two do not fit, record has
// the whole time.
func clamp(seconds int64) uint32 { return uint32(min(max(seconds, 0), 1<<32-1)) }

// push adds a word at the end of the heap, unless no memory is left.
func (l *List) push(word uint64) {
	if l.count%wordsPiece == 0 && l.count/wordsPiece == len(l.words) {
		memory := offHeap(wordsPiece * wordSize)
		if memory == nil {
			return
		}
		l.words = append(l.words, memory)
	}
	l.count++
	l.put(l.count-1, word)
	l.heaped = false
}

func (l *List) at(i int) uint64 {
	return binary.NativeEndian.Uint64(l.words[i/wordsPiece][i%wordsPiece*wordSize:])
}

func (l *List) put(i int, word uint64) {
	binary.NativeEndian.PutUint64(l.words[i/wordsPiece][i%wordsPiece*wordSize:], word)
}

// A record is what a word stands for.
type record struct {
	rest    []byte // the name, or what is stored of it
	cut     bool
	cur     bool
	seconds int64
}

func (l *List) record(word uint64) record {
	offset := uint32(word)
	buf := l.names[offset/namesPiece][offset%namesPiece:]
	head := binary.LittleEndian.Uint16(buf)
	buf = buf[headSize:]
	r := record{cur: head&flagCur != 0, cut: head&flagCut != 0, seconds: int64(word >> 32)}
	if head&flagTime != 0 {
		r.seconds = int64(binary.LittleEndian.Uint64(buf))
		buf = buf[timeSize:]
	}
	r.rest = buf[:head&maxName]
	return r
}

// appendName appends the whole name.
func (r record) appendName(buf []byte) []byte {
	if r.cut {
		buf = appendStamp(buf, r.seconds)
	}
	return append(buf, r.rest...)
}

// less says that a is to be sent before b.
func (l *List) less(a, b uint64) bool {
	if a>>32 != b>>32 {
		return a>>32 < b>>32
	}
	r, s := l.record(a), l.record(b)
	x, y := r.rest, s.rest
	if r.cut != s.cut {
		x, y = r.appendName(nil), s.appendName(nil)
	}
	return cmp.Or(cmp.Compare(r.seconds, s.seconds), natural(baseOf(x), baseOf(y)), bytes.Compare(x, y)) < 0
}

func (l *List) heapify() {
	for i := l.count/2 - 1; i >= 0; i-- {
		l.down(i)
	}
	l.heaped = true
}

// down lets the word at i sink to its place in the heap.
func (l *List) down(i int) {
	word := l.at(i)
	for {
		child := 2*i + 1
		if child >= l.count {
			break
		}
		if child+1 < l.count && l.less(l.at(child+1), l.at(child)) {
			child++
		}
		if !l.less(l.at(child), word) {
			break
		}
		l.put(i, l.at(child))
		i = child
	}
	l.put(i, word)
}

// pop takes the oldest word.
func (l *List) pop() uint64 {
	if !l.heaped {
		l.heapify()
	}
	word := l.at(0)
	l.count--
	if l.count > 0 {
		l.put(0, l.at(l.count))
		l.down(0)
	}
	return word
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

// free gives the arena back.
func (l *List) free() {
	for _, piece := range slices.Concat(l.names, l.words) {
		_ = unix.Munmap(piece[:cap(piece)])
	}
	l.names, l.words, l.count = nil, nil, 0
}

// offHeap gives zeroed memory that Go's collector does not know of, nil where there is
// none.
func offHeap(size int) []byte {
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	return memory
}

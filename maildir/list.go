package maildir

import (
	"bytes"
	"cmp"
	"encoding/binary"
)

// A List is what a Scan found, oldest first. A million names must cost little more
// than their bytes: they lie in an arena, and a heap of one word each orders them, so
// that nothing is sorted that is never asked for.
type List struct {
	scan   scan
	names  [][]byte   // the arena: see add
	words  [][]uint64 // the heap, in pieces so that it grows without a copy
	count  int
	heaped bool   // words are in heap order
	last   []byte // base of the entry that Next gave last
}

const (
	namesPiece = 64 << 10
	wordsPiece = 4 << 10
	maxNames   = (1 << 32) / namesPiece // pieces that a word's 32 bits can point into

	flagCur  = 1 << 15 // a record's head: these flags and the name's length
	flagTime = 1 << 14 // the file's time follows, as the name holds none
	maxName  = flagTime - 1
	headSize = 2
	timeSize = 8
)

// add remembers a name. seconds is stored only where the name does not hold it.
func (l *List) add(name []byte, cur bool, seconds int64, stamped bool) {
	head := uint16(len(name))
	if cur {
		head |= flagCur
	}
	if !stamped {
		head |= flagTime
	}
	piece := l.room(headSize + timeSize + len(name))
	if piece < 0 {
		return
	}
	at := len(l.names[piece])
	buf := binary.LittleEndian.AppendUint16(l.names[piece], head)
	if !stamped {
		buf = binary.LittleEndian.AppendUint64(buf, uint64(seconds))
	}
	l.names[piece] = append(buf, name...)
	l.push(uint64(clamp(seconds))<<32 | uint64(piece*namesPiece+at))
}

// room gives the piece of the arena that has room for size bytes, or -1: 4 GiB of
// names, of which the rest waits for the next session.
func (l *List) room(size int) int {
	last := len(l.names) - 1
	if last >= 0 && len(l.names[last])+size <= namesPiece {
		return last
	}
	if len(l.names) == maxNames || size > namesPiece {
		return -1
	}
	l.names = append(l.names, make([]byte, 0, namesPiece))
	return last + 1
}

// clamp fits a time into the upper half of a word. Where two do not fit, record has
// the whole time.
func clamp(seconds int64) uint32 { return uint32(min(max(seconds, 0), 1<<32-1)) }

func (l *List) push(word uint64) {
	if l.count%wordsPiece == 0 && l.count/wordsPiece == len(l.words) {
		l.words = append(l.words, make([]uint64, wordsPiece))
	}
	l.count++
	*l.at(l.count - 1) = word
	l.heaped = false
}

func (l *List) at(i int) *uint64 { return &l.words[i/wordsPiece][i%wordsPiece] }

// record is what a word stands for.
func (l *List) record(word uint64) (name []byte, cur bool, seconds int64) {
	offset := uint32(word)
	buf := l.names[offset/namesPiece][offset%namesPiece:]
	head := binary.LittleEndian.Uint16(buf)
	buf = buf[headSize:]
	size := int(head & maxName)
	if head&flagTime != 0 {
		seconds = int64(binary.LittleEndian.Uint64(buf))
		name = buf[timeSize:][:size]
	} else {
		name = buf[:size]
		seconds, _ = stamp(name)
	}
	return name, head&flagCur != 0, seconds
}

// less says that a is to be sent before b.
func (l *List) less(a, b uint64) bool {
	if a>>32 != b>>32 {
		return a>>32 < b>>32
	}
	x, _, s := l.record(a)
	y, _, t := l.record(b)
	return cmp.Or(cmp.Compare(s, t), natural(baseOf(x), baseOf(y)), bytes.Compare(x, y)) < 0
}

func (l *List) heapify() {
	for i := l.count/2 - 1; i >= 0; i-- {
		l.down(i)
	}
	l.heaped = true
}

// down lets the word at i sink to its place in the heap.
func (l *List) down(i int) {
	word := *l.at(i)
	for {
		child := 2*i + 1
		if child >= l.count {
			break
		}
		if child+1 < l.count && l.less(*l.at(child + 1), *l.at(child)) {
			child++
		}
		if !l.less(*l.at(child), word) {
			break
		}
		*l.at(i) = *l.at(child)
		i = child
	}
	*l.at(i) = word
}

// pop takes the oldest word.
func (l *List) pop() uint64 {
	if !l.heaped {
		l.heapify()
	}
	word := *l.at(0)
	l.count--
	if l.count > 0 {
		*l.at(0) = *l.at(l.count)
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
		name, cur, seconds := l.record(l.pop())
		if bytes.Equal(l.last, baseOf(name)) {
			continue
		}
		l.last = baseOf(name)
		return Entry{Name: string(name), Cur: cur, Time: seconds}, true
	}
	return Entry{}, false
}

// Bases hands on the base name of each message that Next has still to give, in no
// order. A name is good only until yield returns. It is meant for Notes.Begin.
func (l *List) Bases(yield func(base []byte) bool) {
	for i := range l.count {
		name, _, _ := l.record(*l.at(i))
		if !yield(baseOf(name)) {
			return
		}
	}
}

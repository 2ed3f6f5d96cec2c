package maildir

import (
	"bytes"
	"cmp"
	"encoding/binary"
)

const (
	wordsPiece = 8 << 10 // words of one piece of the heap
	wordSize   = 8       // bytes
)

// push adds a word at the end of the heap, if there is memory for it.
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

// less reports if a is to be sent before b.
func (l *List) less(a, b uint64) bool {
	if a>>32 != b>>32 {
		return a>>32 < b>>32
	}
	r, s := l.record(a), l.record(b)
	x, y := r.rest, s.rest
	if r.cut != s.cut {
		x, y = r.appendName(nil), s.appendName(nil)
	}
	return cmp.Or(cmp.Compare(r.seconds, s.seconds), cmp.Compare(r.microseconds(), s.microseconds()),
		natural(baseOf(x), baseOf(y)), bytes.Compare(x, y)) < 0
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

// pop takes the word of the oldest message.
func (l *List) pop() uint64 {
	if !l.heaped {
		for i := l.count/2 - 1; i >= 0; i-- {
			l.down(i)
		}
		l.heaped = true
	}
	word := l.at(0)
	l.count--
	if l.count > 0 {
		l.put(0, l.at(l.count))
		l.down(0)
	}
	return word
}

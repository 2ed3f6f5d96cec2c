package maildir

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	namesPiece = 64 << 10               // bytes
	maxNames   = (1 << 32) / namesPiece // pieces that a word's 32 bits can point into

	// A record is a head of two bytes (these flags, and the length of the stored part of
	// the name), then the file's time if flagTime is set, then that part of the name.
	flagCur    = 1 << 15
	flagTime   = 1 << 14 // the time is stored, since the word cannot tell it
	flagCut    = 1 << 13 // the name's "TIME." is not stored, since the word tells it
	maxName    = flagCut - 1
	recordHead = 2
	recordTime = 8
)

// add adds a name. seconds is stored only if the name does not begin with it.
func (l *List) add(name []byte, cur bool, seconds int64, stamped bool) {
	rest, cut := name, false
	if stamped && int64(clamp(seconds)) == seconds { // the time alone restores "TIME."
		var scratch [24]byte
		rest, cut = bytes.CutPrefix(name, appendStamp(scratch[:0], seconds))
	}
	head := uint16(len(rest))
	if cur {
		head |= flagCur
	}
	if cut {
		head |= flagCut
	} else {
		head |= flagTime
	}
	piece := l.room(recordHead + recordTime + len(rest))
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

func appendStamp(buf []byte, seconds int64) []byte {
	return append(strconv.AppendInt(buf, seconds, 10), '.')
}

// room returns the piece of the arena that has room for size bytes. It is -1 if there are
// 4 GiB of names or no memory is left; further messages wait for the next session.
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

// clamp fits a time into the upper half of a word. If it does not fit, the record has the
// whole time.
func clamp(seconds int64) uint32 { return uint32(min(max(seconds, 0), 1<<32-1)) }

// A record is the stored form of one name.
type record struct {
	rest    []byte // the name, or the stored part of it
	cut     bool
	cur     bool
	seconds int64
}

func (l *List) record(word uint64) record {
	offset := uint32(word)
	buf := l.names[offset/namesPiece][offset%namesPiece:]
	head := binary.LittleEndian.Uint16(buf)
	buf = buf[recordHead:]
	r := record{cur: head&flagCur != 0, cut: head&flagCut != 0, seconds: int64(word >> 32)}
	if head&flagTime != 0 {
		r.seconds = int64(binary.LittleEndian.Uint64(buf))
		buf = buf[recordTime:]
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

// microseconds are those of the name. They are the same whatever flags it has.
func (r record) microseconds() int64 {
	unique := baseOf(r.rest)
	if _, rest, found := bytes.Cut(unique, []byte(".")); found && !r.cut {
		unique = rest
	}
	return microseconds(unique)
}

// free gives the arena back.
func (l *List) free() {
	for _, piece := range slices.Concat(l.names, l.words) {
		_ = unix.Munmap(piece[:cap(piece)])
	}
	l.names, l.words, l.count = nil, nil, 0
}

// offHeap returns zeroed memory that Go's collector does not know of, or nil if none is
// left.
func offHeap(size int) []byte {
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	return memory
}

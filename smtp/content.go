package smtp

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// An Encoder turns stored lines into SMTP's: LF or CRLF becomes CRLF, a stray
// CR becomes a space (a server that took it for a line end could be made to see
// a second message in the first), a missing last line end is added. The zero
// Encoder is ready to use.
type Encoder struct {
	// Dots asks for DATA's dot-stuffing and final dot (RFC 5321 section 4.5.2);
	// without it the content is BDAT's (RFC 3030).
	Dots bool

	cr     bool // a CR is held until the next byte tells what it is
	inLine bool
}

// Append appends the encoded form of src to dst. A message may come in pieces.
func (e *Encoder) Append(dst, src []byte) []byte {
	for len(src) > 0 {
		i := bytes.IndexByte(src, '\n')
		if i < 0 {
			return e.text(dst, src)
		}
		dst = e.text(dst, src[:i])
		dst = append(dst, '\r', '\n')
		e.cr, e.inLine = false, false
		src = src[i+1:]
	}
	return dst
}

// text appends bytes without LF. A CR at the end is held back.
func (e *Encoder) text(dst, line []byte) []byte {
	if len(line) == 0 {
		return dst
	}
	if e.cr {
		dst = append(dst, ' ')
		e.cr = false
	}
	if !e.inLine && e.Dots && line[0] == '.' {
		dst = append(dst, '.')
	}
	e.inLine = true
	for {
		i := bytes.IndexByte(line, '\r')
		if i < 0 {
			return append(dst, line...)
		}
		dst = append(dst, line[:i]...)
		if i == len(line)-1 {
			e.cr = true
			return dst
		}
		dst = append(dst, ' ')
		line = line[i+1:]
	}
}

// Finish appends what the content's end needs.
func (e *Encoder) Finish(dst []byte) []byte {
	if e.cr {
		dst = append(dst, ' ')
	}
	if e.inLine {
		dst = append(dst, '\r', '\n')
	}
	if e.Dots {
		dst = append(dst, '.', '\r', '\n')
	}
	e.cr, e.inLine = false, false
	return dst
}

// A Scan finds out how many octets an Encoder without Dots makes of a message,
// which is also what SIZE= declares (RFC 1870 section 5: DATA's dots do not
// count), and whether BODY=8BITMIME is needed (RFC 6152). The message may come in
// pieces. The zero Scan is ready to use.
type Scan struct {
	EightBit bool // a byte beyond ASCII was there

	octets int64 // without a last line end that has to be added
	last   byte
}

// Add takes the next piece.
func (s *Scan) Add(piece []byte) {
	if len(piece) == 0 {
		return
	}
	s.octets += int64(len(piece) + bytes.Count(piece, []byte("\n")) - bytes.Count(piece, []byte("\r\n")))
	if s.last == '\r' && piece[0] == '\n' {
		s.octets-- // a CRLF that two pieces share
	}
	s.last = piece[len(piece)-1]
	s.EightBit = s.EightBit || EightBit(piece)
}

// Size is the size in octets of what was added, as a whole message.
func (s *Scan) Size() int64 {
	if s.octets > 0 && s.last != '\n' {
		return s.octets + 2
	}
	return s.octets
}

// EightBit reports if a byte beyond ASCII is in src. It looks at eight at once,
// for the sake of messages of a gigabyte.
func EightBit[T string | []byte](src T) bool {
	const highBits = 0x8080808080808080
	b := []byte(src)
	for ; len(b) >= 8; b = b[8:] {
		if binary.NativeEndian.Uint64(b)&highBits != 0 {
			return true
		}
	}
	return slices.ContainsFunc(b, func(c byte) bool { return c >= 0x80 })
}

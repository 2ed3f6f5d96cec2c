package smtp

import "bytes"

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

// WireSize is how many octets an Encoder without Dots makes of a whole message,
// which is also what SIZE= declares (RFC 1870 section 4).
func WireSize(src []byte) int64 {
	n := int64(len(src))
	n += int64(bytes.Count(src, []byte("\n")) - bytes.Count(src, []byte("\r\n")))
	if len(src) > 0 && src[len(src)-1] != '\n' {
		n += 2
	}
	return n
}

// EightBit says whether a byte beyond ASCII is in src.
func EightBit[T string | []byte](src T) bool {
	for i := range len(src) {
		if src[i] >= 0x80 {
			return true
		}
	}
	return false
}

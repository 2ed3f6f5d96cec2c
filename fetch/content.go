package fetch

import "bytes"

// A dataDecoder takes the stuffing dots out of content as DATA sends it (RFC
// 5321 section 4.5.2); the rest stays. Only CRLF . CRLF ends it: a server that
// takes LF . LF for the end lets a sender smuggle messages past another that
// does not.
type dataDecoder struct{ state dataState }

type dataState int

const (
	atLineStart dataState = iota // after CRLF, or at the beginning
	inLine
	afterCR
	afterDot   // a dot at the start of a line
	afterDotCR // dot and CR at the start of a line
)

// decode appends the text in src to dst. It says how much of src it used, and
// whether the end was there.
func (d *dataDecoder) decode(dst, src []byte) (text []byte, used int, done bool) {
	for used < len(src) {
		if d.state == inLine {
			n := bytes.IndexByte(src[used:], '\r')
			if n < 0 {
				return append(dst, src[used:]...), len(src), false
			}
			dst = append(dst, src[used:used+n]...)
			used += n + 1
			d.state = afterCR
			continue
		}
		var keep bool
		if dst, keep, done = d.step(dst, src[used]); !keep {
			used++
		}
		if done {
			return dst, used, true
		}
	}
	return dst, used, false
}

// step takes one byte outside the middle of a line; keep says that the new
// state must see it again.
func (d *dataDecoder) step(dst []byte, c byte) (text []byte, keep, done bool) {
	switch d.state {
	case atLineStart:
		if c == '.' {
			d.state = afterDot
			return dst, false, false
		}
	case afterDot:
		if c == '\r' {
			d.state = afterDotCR
			return dst, false, false
		}
	case afterDotCR:
		if c == '\n' {
			return dst, false, true
		}
		d.state = afterCR // the dot was stuffing, the CR is text
		return dst, true, false
	case afterCR:
		if c == '\n' {
			d.state = atLineStart
			return append(dst, '\r', '\n'), false, false
		}
		dst = append(dst, '\r')
		if c == '\r' {
			return dst, false, false
		}
	}
	d.state = inLine
	return dst, true, false
}

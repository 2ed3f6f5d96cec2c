package fetch

import "bytes"

// A dataDecoder takes the stuffing dots out of content as DATA sends it (RFC
// 5321 section 4.5.2); the rest stays. Only CRLF . CRLF ends it: a server that
// takes LF . LF for the end lets a sender smuggle messages past another that
// does not.
type dataDecoder struct {
	inLine bool // something is on the line already
	dot    bool // that is a dot, and a CR at the most
	cr     bool // a CR came last; the next byte tells if it ends the line
}

// decode appends the text in src to dst. It says how much of src it used, and
// whether the end was there.
func (d *dataDecoder) decode(dst, src []byte) (text []byte, used int, done bool) {
	for used < len(src) {
		n := 1
		switch c := src[used]; {
		case d.cr && c == '\n' && d.dot:
			return dst, used + 1, true
		case d.cr && c == '\n':
			dst = append(dst, '\r', '\n')
			*d = dataDecoder{}
		case d.cr: // it is text, and the dot before it was stuffing
			dst, n = append(dst, '\r'), 0
			d.cr, d.dot = false, false
		case c == '\r':
			d.cr, d.inLine = true, true
		case c == '.' && !d.inLine:
			d.dot, d.inLine = true, true
		default:
			if n = bytes.IndexByte(src[used:], '\r'); n < 0 {
				n = len(src) - used
			}
			dst = append(dst, src[used:used+n]...)
			d.dot, d.inLine = false, true
		}
		used += n
	}
	return dst, used, false
}

package fetch

import "bytes"

// A dataGuard passes on content that DATA sends, up to its end: CRLF . CRLF (RFC 5321
// section 4.1.1.4). Some servers take other lines with a dot for the end too, such as LF .
// LF, and what follows for commands. Such a line gets a second dot, so that each server
// takes it for content. No provider that keeps to RFC 5321 sends such a line.
type dataGuard struct {
	before [2]byte // the last two bytes that were passed on
	held   string  // "." or ".\r" at the start of a line, whose meaning the next byte decides
}

func newDataGuard() dataGuard { return dataGuard{before: [2]byte{'\r', '\n'}} }

// pass appends what is passed on of p to out. It says how much of p it used, and whether the
// end was there.
func (d *dataGuard) pass(out, p []byte) (passed []byte, used int, done bool) {
	for used < len(p) {
		n := 1
		switch c := p[used]; {
		case d.held == "." && c == '\r':
			d.held = ".\r"
		case d.held == ".\r" && c == '\n' && d.before == [2]byte{'\r', '\n'}:
			return d.append(out, []byte(".\r\n")), used + 1, true
		case d.held == ".\r" || d.held == "." && c == '\n':
			out, n = d.append(out, []byte("."+d.held)), 0
			d.held = ""
		case d.held == ".":
			out, n = d.append(out, []byte(".")), 0
			d.held = ""
		case c == '.' && (d.before[1] == '\n' || d.before[1] == '\r'):
			d.held = "."
		default:
			if n += bytes.IndexByte(p[used+1:], '.'); n == 0 { // no further dot
				n = len(p) - used
			}
			out = d.append(out, p[used:used+n])
		}
		used += n
	}
	return out, used, false
}

func (d *dataGuard) append(out, text []byte) []byte {
	if n := len(text); n > 1 {
		d.before = [2]byte(text[n-2:])
	} else if n == 1 {
		d.before = [2]byte{d.before[1], text[0]}
	}
	return append(out, text...)
}

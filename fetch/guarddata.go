package fetch

import "bytes"

// A dataGuard passes on content that DATA sends, up to its end: CRLF . CRLF (RFC 5321
// section 4.1.1.4). Some servers take other lines with a dot for the end too, such as LF .
// LF, and what follows for commands. Such a line gets a second dot, so that each server
// takes it for content. No provider that keeps to RFC 5321 sends such a line.
type dataGuard struct {
	before [2]byte // the last two bytes that were passed on
	held   []byte  // "." or ".\r" at the start of a line, whose meaning the next byte decides
}

func newDataGuard() dataGuard { return dataGuard{before: [2]byte{'\r', '\n'}} }

// pass appends what is passed on of p to out. It says how much of p it used, and whether the
// end was there.
func (d *dataGuard) pass(out, p []byte) (passed []byte, used int, done bool) {
	for used < len(p) {
		if len(d.held) > 0 {
			var took bool
			if out, took, done = d.decide(out, p[used]); took {
				used++
			}
			if done {
				return out, used, true
			}
			continue
		}
		n := bytes.IndexByte(p[used:], '.')
		if n < 0 {
			return d.append(out, p[used:]), len(p), false
		}
		out = d.append(out, p[used:used+n])
		used += n + 1
		if d.before[1] == '\n' || d.before[1] == '\r' {
			d.held = append(d.held, '.')
		} else {
			out = d.append(out, []byte("."))
		}
	}
	return out, used, false
}

// decide looks at the byte behind what is held. took is false if it must be looked at again.
func (d *dataGuard) decide(out []byte, c byte) (passed []byte, took, done bool) {
	if len(d.held) == 1 && c == '\r' {
		d.held = append(d.held, c)
		return out, true, false
	}
	held, whole := d.held, d.before == [2]byte{'\r', '\n'}
	d.held = nil
	if len(held) == 2 && c == '\n' && whole {
		return d.append(out, []byte(".\r\n")), true, true
	}
	if len(held) == 2 || c == '\n' {
		out = d.append(out, []byte("."))
	}
	return d.append(out, held), false, false
}

func (d *dataGuard) append(out, text []byte) []byte {
	end := append(d.before[:], text[max(0, len(text)-2):]...)
	d.before = [2]byte(end[len(end)-2:])
	return append(out, text...)
}

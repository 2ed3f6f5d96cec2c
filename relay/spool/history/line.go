package history

import (
	"strconv"
	"strings"
)

// addLine appends a line about base, dated now, to what Flush writes.
func (h *History) addLine(verb, base string, rest ...any) {
	h.out.add(appendNote(h.out.pending, h.state.clock().Unix(), verb, base, rest...))
}

// sentVerb is the verb of the message at that place, from 0, in its transaction.
func sentVerb(place int) string {
	if place == 0 {
		return "sent"
	}
	return "also"
}

// appendNote appends one line; the rest is int64 or string.
func appendNote(buf []byte, when int64, verb, base string, rest ...any) []byte {
	buf = strconv.AppendInt(buf, when, 10)
	buf = append(append(append(buf, ' '), verb...), ' ')
	buf = escape(buf, base, ' ')
	for _, field := range rest {
		buf = append(buf, ' ')
		switch v := field.(type) {
		case int64:
			buf = strconv.AppendInt(buf, v, 10)
		case string:
			buf = escape(buf, v, '%') // % is escaped anyway: a space stays
		}
	}
	return append(buf, '\n')
}

// escape appends s with %XX for bytes that are not printable ASCII, for % and for also.
func escape(buf []byte, s string, also byte) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '%' || c == also {
			buf = append(buf, '%', hex[c>>4], hex[c&15])
		} else {
			buf = append(buf, c)
		}
	}
	return buf
}

// unescape undoes escape. It returns false if escape cannot have written s.
func unescape(s string) (string, bool) {
	var buf strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < ' ' || c > '~' {
			return "", false
		}
		if c == '%' {
			if i+2 >= len(s) {
				return "", false
			}
			v, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return "", false
			}
			c = byte(v)
			i += 2
		}
		buf.WriteByte(c)
	}
	return buf.String(), true
}

// apply applies a line of the file. It returns false if vodmr cannot have written it.
func (s *state) apply(text string) bool {
	when, verb, base, rest, ok := parseNote(text)
	return ok && s.applyVerb(verb, when, base, rest)
}

// parseNote undoes appendNote. It returns false if that cannot have written the line.
func parseNote(text string) (when int64, verb, base, rest string, ok bool) {
	stamp, text, _ := strings.Cut(text, " ")
	verb, text, _ = strings.Cut(text, " ")
	base, rest, _ = strings.Cut(text, " ")
	when, err := strconv.ParseInt(stamp, 10, 64)
	base, ok = unescape(base)
	rest, ok2 := unescape(rest)
	return when, verb, base, rest, err == nil && ok && ok2 && base != ""
}

func (s *state) applyVerb(verb string, when int64, base, rest string) bool {
	s.sending = s.sending && verb == "also"
	switch verb {
	case "session":
		s.begin(base)
		if base == cleanEnd {
			s.ended = when
		}
	case "sent", "also":
		s.setSent(base, verb == "also")
	case "again":
		delete(s.unanswered, base)
	case "done":
		s.setDone(base, when)
	case "stays":
		s.setStays(base, cut(rest))
	case "broke":
		breaks, ok := count(rest)
		if !ok || breaks == 0 {
			return false
		}
		s.setBroke(base, breaks, when)
	case "server":
		return s.setServer(base, rest, when)
	case "kept":
		return s.applyKept(when, base, rest)
	default:
		return s.applyNumber(verb, when, base, rest)
	}
	return true
}

// applyNumber applies a line that tells a number, and nothing of a message.
func (s *state) applyNumber(verb string, when int64, text, rest string) bool {
	number, ok := count(text)
	if !ok {
		return false
	}
	switch verb {
	case "passed":
		s.passed = number
	case "bounced":
		s.bounced, s.bouncedSince = number, when
	case "taken":
		if number > 1 {
			return false
		}
		s.trust.taken, s.trust.known = number == 1, true
	case "refused":
		s.setRefused(number, when)
	case "rung":
		taken, ok := count(rest)
		if !ok || number > lastRung {
			return false
		}
		s.setRung(number, taken, when)
	default:
		return false
	}
	return true
}

func (s *state) applyKept(when int64, base, rest string) bool {
	number, rest, _ := strings.Cut(rest, " ")
	since, reply, _ := strings.Cut(rest, " ")
	tries, ok := count(number)
	first, err := strconv.ParseInt(since, 10, 64)
	if err != nil || !ok {
		return false
	}
	s.setKept(base, tries, first, when, cut(reply))
	return true
}

// flag is how a line has a yes or no.
func flag(yes bool) string {
	if yes {
		return "1"
	}
	return "0"
}

// count reads a number to which one can still be added.
func count(text string) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 30)
	return int(n), err == nil
}

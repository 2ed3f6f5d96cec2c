package history

import (
	"strconv"
	"strings"
)

// line appends a line about base, dated now, to what Flush writes.
func (h *History) addLine(verb, base string, rest ...any) {
	h.out.add(appendNote(h.out.pending, h.clock().Unix(), verb, base, rest...))
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
func (h *History) apply(text string) bool {
	stamp, text, _ := strings.Cut(text, " ")
	verb, text, _ := strings.Cut(text, " ")
	file, rest, _ := strings.Cut(text, " ")
	when, err := strconv.ParseInt(stamp, 10, 64)
	base, ok := unescape(file)
	rest, ok2 := unescape(rest)
	if err != nil || !ok || !ok2 || base == "" {
		return false
	}
	return h.applyVerb(verb, when, base, rest)
}

func (h *History) applyVerb(verb string, when int64, base, rest string) bool {
	h.sending = h.sending && verb == "also"
	switch verb {
	case "session":
		h.begin(base)
		if base == cleanEnd {
			h.ended = when
		}
	case "passed":
		passed, ok := count(base)
		h.passed = passed
		return ok
	case "sent", "also":
		h.setSent(base, verb == "also")
	case "again":
		h.setRetry(base)
	case "done":
		h.setDone(base, when)
	case "stays":
		h.setStays(base, cut(rest))
	case "broke":
		breaks, ok := count(rest)
		if !ok || breaks == 0 {
			return false
		}
		h.setBroke(base, breaks, when)
	case "server":
		return h.setServer(base, rest, when)
	case "kept":
		return h.applyKept(when, base, rest)
	case "bounced":
		return h.setBounced(base, when)
	default:
		return h.applyServerVerb(verb, when, base, rest)
	}
	return true
}

// applyServerVerb applies a line about the customer's server.
func (h *History) applyServerVerb(verb string, when int64, first, rest string) bool {
	switch verb {
	case "taken":
		return h.applyTaken(first)
	case "refused":
		return h.applyRefused(first, when)
	case "rung":
		return h.applyRung(when, first, rest)
	}
	return false
}

func (h *History) applyRefused(text string, when int64) bool {
	refused, ok := count(text)
	if ok {
		h.setRefused(refused, when)
	}
	return ok
}

func (h *History) applyTaken(flag string) bool {
	if flag != "0" && flag != "1" {
		return false
	}
	h.trust.taken, h.trust.known = flag == "1", true
	return true
}

func (h *History) applyRung(when int64, base, rest string) bool {
	rung, ok := count(base)
	taken, ok2 := count(rest)
	if !ok || !ok2 || rung > lastRung {
		return false
	}
	h.setRung(rung, taken, when)
	return true
}

func (h *History) applyKept(when int64, base, rest string) bool {
	number, rest, _ := strings.Cut(rest, " ")
	since, reply, _ := strings.Cut(rest, " ")
	tries, ok := count(number)
	first, err := strconv.ParseInt(since, 10, 64)
	if err != nil || !ok {
		return false
	}
	h.setKept(base, tries, first, when, cut(reply))
	return true
}

// count reads a number to which one can still be added.
func count(text string) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 30)
	return int(n), err == nil
}

// Package logline writes the log that vodmr-log(5) describes: a line an
// event, for multilog to keep,
//
//	PROGRAM: SESSION EVENT key=value key="value with spaces" ...
//
// A value is escaped so that whatever a peer sends cannot forge a line or a
// key. A line is one write of at most 1000 bytes. A write that fails is let go:
// the mail matters more than its log.
package logline

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// MaxLine is the longest line in bytes, its newline included.
const MaxLine = 1000

// A Field is one key=value of a line.
type Field struct{ Key, Value string }

// F makes a field of a string.
func F(key, value string) Field { return Field{key, value} }

// N makes a field of a number.
func N(key string, value int64) Field { return Field{key, strconv.FormatInt(value, 10)} }

// Err makes the field error=... of an error.
func Err(err error) Field { return Field{"error", err.Error()} }

// A Logger writes lines to one descriptor.
type Logger struct {
	fd     int
	prefix string
	line   []byte
}

// New makes a logger to descriptor fd. session is the process id that
// `tcpserver -v` prints for the connection.
func New(fd int, program, session string) *Logger {
	return &Logger{fd: fd, prefix: program + ": " + string(appendValue(nil, session)) + " "}
}

// Event writes one line.
func (l *Logger) Event(event string, fields ...Field) {
	l.line = appendLine(l.line[:0], l.prefix+event, fields)
	for {
		if _, err := unix.Write(l.fd, l.line); err != unix.EINTR {
			return
		}
	}
}

// appendLine writes start and the fields, cut so that the line fits: the reply
// first, since the customer's server chose its length, then the longest field.
func appendLine(dst []byte, start string, fields []Field) []byte {
	limits := make([]int, 0, 8)
	total := len(start) + 1
	for _, f := range fields {
		n := len(appendValue(nil, f.Value))
		limits = append(limits, n)
		total += 1 + len(f.Key) + 1 + n
	}
	for total > MaxLine {
		i := longest(fields, limits)
		cut := min(total-MaxLine, limits[i]-minValue(fields[i].Key))
		if cut <= 0 {
			break
		}
		limits[i] -= cut
		total -= cut
	}
	dst = append(dst, start...)
	for i, f := range fields {
		dst = append(dst, ' ')
		dst = append(dst, f.Key...)
		dst = append(dst, '=')
		dst = appendCut(dst, f.Value, limits[i])
	}
	return append(dst, '\n')
}

// keptReply is how much of a reply stays, in bytes, before other fields are cut.
const keptReply = 120

func minValue(key string) int {
	if key == "reply" {
		return keptReply
	}
	return 20
}

// longest returns the index of the field to cut next.
func longest(fields []Field, limits []int) int {
	at := 0
	for i, f := range fields {
		if f.Key == "reply" && limits[i] > keptReply {
			return i
		}
		if limits[i] > limits[at] {
			at = i
		}
	}
	return at
}

// appendCut appends the value escaped, in at most limit bytes; a value that was
// cut ends in "...".
func appendCut(dst []byte, value string, limit int) []byte {
	whole := appendValue(nil, value)
	if len(whole) <= limit {
		return append(dst, whole...)
	}
	dst = append(dst, '"')
	room := limit - len(`"..."`)
	for i := 0; i < len(value); i++ {
		e := appendByte(nil, value[i])
		if len(e) > room {
			break
		}
		room -= len(e)
		dst = append(dst, e...)
	}
	return append(dst, `..."`...)
}

// appendValue appends a value bare where it is plain, else in double quotes.
func appendValue(dst []byte, value string) []byte {
	if plain(value) {
		return append(dst, value...)
	}
	dst = append(dst, '"')
	for i := 0; i < len(value); i++ {
		dst = appendByte(dst, value[i])
	}
	return append(dst, '"')
}

// plain says whether a value needs no quotes: printable ASCII without space,
// quote, backslash or equals sign, and not empty.
func plain(value string) bool {
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c <= ' ' || c >= 0x7f, c == '"', c == '\\', c == '=':
			return false
		}
	}
	return value != ""
}

// appendByte appends one byte as it stands between quotes: a control character
// or a byte beyond ASCII becomes \xHH.
func appendByte(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch {
	case c == '"' || c == '\\':
		return append(dst, '\\', c)
	case c < ' ' || c >= 0x7f:
		return append(dst, '\\', 'x', hex[c>>4], hex[c&15])
	}
	return append(dst, c)
}

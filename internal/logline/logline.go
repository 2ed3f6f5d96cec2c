// Package logline writes the log that vodmr-log(5) describes: a line an
// event, for multilog to keep,
//
//	PROGRAM: SESSION EVENT key=value key="value with spaces" ...
//
// A value is escaped so that whatever a peer sends cannot forge a line or a
// key. A line is one write of at most 1000 bytes. A write that fails, or that nobody takes
// in time, is let go: the mail matters more than its log. See Output.
package logline

import (
	"cmp"
	"os"
	"strconv"
	"strings"
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
	out    *Output
	prefix string
	line   []byte
}

// Session is the session's name: the one that a program in front handed down, or
// this process's id.
func Session() string {
	return cmp.Or(os.Getenv("VODMR_SESSION"), strconv.Itoa(os.Getpid()))
}

// maxSession is how much of a session's name stays, in bytes.
const maxSession = 64

// New makes a logger to descriptor fd. session is the process id that
// `tcpserver -v` prints for the connection.
func New(fd int, program, session string) *Logger {
	prefix := program + ": " + string(appendCut(nil, session, maxSession)) + " "
	return &Logger{out: NewOutput(fd, prefix+`error error="`, `"`), prefix: prefix}
}

// Clone makes another logger of the same lines, for another goroutine.
func (l *Logger) Clone() *Logger {
	return &Logger{out: NewOutput(l.out.fd, l.out.start, l.out.end), prefix: l.prefix}
}

// Event writes one line. event and the fields' keys are the program's own words;
// only values may come from elsewhere.
func (l *Logger) Event(event string, fields ...Field) {
	l.line = append(append(l.line[:0], l.prefix...), event...)
	l.line = appendFields(l.line, fields)
	_, _ = l.out.Write(l.line)
}

// appendFields appends the fields and the newline. Nearly every line fits as it
// is, and then nothing is measured first.
func appendFields(dst []byte, fields []Field) []byte {
	start := len(dst)
	for _, f := range fields {
		if len(dst)+len(f.Value) >= MaxLine {
			return appendCutFields(dst[:start], fields)
		}
		dst = appendValue(appendKey(dst, f.Key), f.Value)
	}
	if len(dst) >= MaxLine {
		return appendCutFields(dst[:start], fields)
	}
	return append(dst, '\n')
}

// appendCutFields is appendFields for a line that is too long. Fields that do
// not fit even when all are cut are left out, from the end.
func appendCutFields(dst []byte, fields []Field) []byte {
	limits := fit(MaxLine-1-len(dst), fields)
	for i, f := range fields {
		if len(dst)+room(f.Key, limits[i]) >= MaxLine {
			break
		}
		dst = appendCut(appendKey(dst, f.Key), f.Value, limits[i])
	}
	return append(dst, '\n')
}

func appendKey(dst []byte, key string) []byte {
	return append(append(append(dst, ' '), key...), '=')
}

// room is what a field takes with a value of that many bytes.
func room(key string, value int) int { return len(key) + len(" =") + value }

const (
	// keptReply is how much of a reply stays before another value is cut.
	keptReply = 120
	// keptValue is how much of any value stays.
	keptValue = 20
)

// fit returns how many bytes each value may take, as it is written, so that all
// take no more than space: the reply is cut first, since the customer's server
// chose its length, then whatever is longest.
func fit(space int, fields []Field) []int {
	limits := make([]int, len(fields))
	excess := -space
	for i, f := range fields {
		limits[i] = len(appendValue(nil, f.Value))
		excess += room(f.Key, limits[i])
	}
	for excess > 0 {
		i, kept := longest(fields, limits)
		cut := min(excess, limits[i]-kept)
		if cut <= 0 {
			break
		}
		limits[i] -= cut
		excess -= cut
	}
	return limits
}

// longest returns the index of the value to cut next, and to what at most.
func longest(fields []Field, limits []int) (at, kept int) {
	for i, f := range fields {
		if f.Key == "reply" && limits[i] > keptReply {
			return i, keptReply
		}
		if limits[i] > limits[at] {
			at = i
		}
	}
	return at, keptValue
}

// appendCut appends the value as it is written, in at most limit bytes; a value
// that was cut ends in "...".
func appendCut(dst []byte, value string, limit int) []byte {
	const ending = `..."`
	start := len(dst)
	if len(value) <= limit {
		if dst = appendValue(dst, value); len(dst) <= start+limit {
			return dst
		}
	}
	dst = append(dst[:start], '"')
	for i := 0; i < len(value); i++ {
		next := AppendByte(dst, value[i])
		if len(next)+len(ending) > start+limit {
			break
		}
		dst = next
	}
	return append(dst, ending...)
}

// appendValue appends a value, in double quotes unless it is plain.
func appendValue(dst []byte, value string) []byte {
	if plain(value) {
		return append(dst, value...)
	}
	dst = append(dst, '"')
	for i := 0; i < len(value); i++ {
		dst = AppendByte(dst, value[i])
	}
	return append(dst, '"')
}

// plain reports if a value needs no quotes: printable ASCII without space,
// quote, backslash or equals sign, and not empty.
func plain(value string) bool {
	return value != "" && !strings.ContainsFunc(value, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '='
	})
}

const hex = "0123456789abcdef"

// AppendByte appends one byte as it stands between quotes: a control character
// or a byte beyond ASCII becomes \xHH.
func AppendByte(dst []byte, c byte) []byte {
	if c == '"' || c == '\\' {
		return append(dst, '\\', c)
	}
	if c < ' ' || c >= 0x7f {
		return append(dst, '\\', 'x', hex[c>>4], hex[c&15])
	}
	return append(dst, c)
}

package maildir

import (
	"bytes"
	"strings"
)

// lines walks over the header of a message.
type lines struct {
	head     []byte
	complete bool // head is the whole message
	at       int
}

// A headerLine is one line of a header, without its end.
type headerLine struct {
	text []byte
	span Span // with its end
}

// peek returns the next line, or the zero line at the end. A line that is cut off by the end
// of head does not count.
func (s *lines) peek() headerLine {
	rest := s.head[s.at:]
	size := bytes.IndexByte(rest, '\n') + 1
	if size == 0 {
		if !s.complete {
			return headerLine{}
		}
		size = len(rest)
	}
	text := bytes.TrimSuffix(rest[:size], []byte("\n"))
	text = bytes.TrimSuffix(text, []byte("\r"))
	return headerLine{text: text, span: Span{int64(s.at), int64(s.at + size)}}
}

// next takes a line. It returns false at the end of the header.
func (s *lines) next() (headerLine, bool) {
	l := s.peek()
	s.at += int(l.span.To - l.span.From)
	return l, len(l.text) > 0
}

// isFolded reports if the line continues the one above.
func (l headerLine) isFolded() bool {
	return len(l.text) > 0 && (l.text[0] == ' ' || l.text[0] == '\t')
}

// isField reports if the line begins a header field: a name of printable characters and
// a colon (RFC 5322 section 2.2). If not, it is a body without an empty line above.
func (l headerLine) isField() bool {
	for i, c := range l.text {
		if c == ':' {
			return i > 0
		}
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return false
}

// is reports if the line is the field with that name, its colon included.
func (l headerLine) is(name string) bool {
	return len(l.text) >= len(name) && strings.EqualFold(string(l.text[:len(name)]), name)
}

// value returns the line without the field's name and one space after the colon. A second
// space would belong to a raw address.
func (l headerLine) value(name string) string {
	v := string(l.text[len(name):])
	if strings.HasPrefix(v, " ") || strings.HasPrefix(v, "\t") {
		v = v[1:]
	}
	return strings.TrimRight(v, " \t")
}

// Package logformat reads the log as vodmr-log(5) describes it, for tests: each line
// of any of our programs must have a form that the manual page gives.
package logformat

import (
	"fmt"
	"strconv"
	"strings"
)

// A Line is one line of the log, taken apart.
type Line struct {
	Program, Session, Event string
	Fields                  []Field
}

// A Field is one key and its value.
type Field struct{ Key, Value string }

// Parse reads one line with its newline by the grammar of vodmr-log(5). It does not
// check the event or the keys.
func Parse(text string) (l Line, err error) {
	rest, ok := strings.CutSuffix(text, "\n")
	if !ok || strings.Contains(rest, "\n") {
		return l, fmt.Errorf("%q is not one line", text)
	}
	if l.Program, rest, ok = strings.Cut(rest, ": "); !ok {
		return l, fmt.Errorf("%q names no program", text)
	}
	if l.Session, rest, err = parseValue(rest); err != nil {
		return l, err
	}
	rest, ok = strings.CutPrefix(rest, " ")
	if !ok {
		return l, fmt.Errorf("%q: no space behind the session", text)
	}
	l.Event, rest, _ = strings.Cut(rest, " ")
	l.Fields, err = parseFields(rest)
	if err != nil {
		return l, fmt.Errorf("%q: %w", text, err)
	}
	return l, nil
}

func parseFields(rest string) (fields []Field, err error) {
	for rest != "" {
		var f Field
		var ok bool
		if f.Key, rest, ok = strings.Cut(rest, "="); !ok || strings.ContainsAny(f.Key, `" \`) {
			return nil, fmt.Errorf("a key %q", f.Key)
		}
		if f.Value, rest, err = parseValue(rest); err != nil {
			return nil, err
		}
		fields = append(fields, f)
		if rest, ok = strings.CutPrefix(rest, " "); !ok && rest != "" {
			return nil, fmt.Errorf("no space before %q", rest)
		}
	}
	return fields, nil
}

// parseValue reads one value and returns what follows it.
func parseValue(s string) (value, rest string, err error) {
	if quoted, ok := strings.CutPrefix(s, `"`); ok {
		return parseQuoted(quoted)
	}
	if i := strings.IndexByte(s, ' '); i >= 0 {
		s, rest = s[:i], s[i:]
	}
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"\=`, r) }) {
		return "", "", fmt.Errorf("%q stands bare", s)
	}
	return s, rest, nil
}

// parseQuoted reads up to the closing quote.
func parseQuoted(s string) (value, rest string, err error) {
	var out []byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return string(out), s[i+1:], nil
		case c < ' ' || c > '~':
			return "", "", fmt.Errorf("byte %#x as it is", c)
		case c == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			out = append(out, s[i])
		case c == '\\':
			if i+3 >= len(s) || s[i+1] != 'x' {
				return "", "", fmt.Errorf("%q: a bad escape", s[i:])
			}
			n, err := strconv.ParseUint(s[i+2:i+4], 16, 8)
			if err != nil {
				return "", "", err
			}
			out = append(out, byte(n))
			i += 3
		default:
			out = append(out, c)
		}
	}
	return "", "", fmt.Errorf("%q: no closing quote", s)
}

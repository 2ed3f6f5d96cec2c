package fetch

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// A path is the address of MAIL or RCPT (RFC 5321 section 4.1.2). Both parts
// are empty for <>.
type path struct {
	text   string // as it stood between < and >, without its source route
	local  string // the local part without quotes
	domain string // "" for <> and <postmaster>
}

// maxPath is the longest path, in bytes: qmail takes no longer address.
const maxPath = 1000

var errPath = errors.New("that is no path: an address between < and > is")

// parsePath takes a path off the start of s.
func parsePath(s string) (p path, rest string, err error) {
	n := pathEnd(s)
	if n < 0 || n > maxPath {
		return p, "", errPath
	}
	text, rest := s[1:n], s[n+1:]
	if rest != "" && rest[0] != ' ' {
		return p, "", errPath
	}
	if p.text, err = withoutRoute(text); err != nil {
		return p, "", err
	}
	p.local, p.domain, err = splitAddress(p.text)
	return p, strings.TrimLeft(rest, " "), err
}

// pathEnd returns the index of the > that ends the path, -1 without one.
func pathEnd(s string) int {
	if s == "" || s[0] != '<' {
		return -1
	}
	quoted := false
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == '>' && !quoted:
			return i
		}
	}
	return -1
}

// withoutRoute strips "@a,@b:" (RFC 5321 section 4.1.1.3 and appendix C).
func withoutRoute(text string) (string, error) {
	if !strings.HasPrefix(text, "@") {
		return text, nil
	}
	route, text, ok := strings.Cut(text, ":")
	if !ok || strings.ContainsAny(route, `"\ `) || text == "" {
		return "", errPath
	}
	return text, nil
}

// splitAddress takes LOCAL@DOMAIN apart. Without @ the domain is empty.
func splitAddress(text string) (local, domain string, err error) {
	var rest string
	if strings.HasPrefix(text, `"`) {
		local, rest, err = unquote(text)
	} else {
		local, rest, err = dotString(text)
	}
	if err != nil || rest == "" {
		return local, "", err
	}
	if local == "" || rest[0] != '@' || !validDomain(rest[1:]) {
		return "", "", errPath
	}
	return local, rest[1:], nil
}

// unquote takes a quoted string off the start of s and returns what it means.
func unquote(s string) (local, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		c := s[i]
		if c == '"' {
			return b.String(), s[i+1:], nil
		}
		if c == '\\' && i+1 < len(s) {
			i++
			c = s[i]
		}
		if c < ' ' || c == 0x7f {
			break
		}
		b.WriteByte(c)
	}
	return "", "", errPath
}

// dotString takes an unquoted local part off the start of s. Dots may stand
// anywhere: addresses that break that rule are in use.
func dotString(s string) (local, rest string, err error) {
	n := strings.IndexByte(s, '@')
	if n < 0 {
		n = len(s)
	}
	for i := 0; i < n; i++ {
		if c := s[i]; c <= ' ' || c == 0x7f || strings.IndexByte(`()<>[]:;\,"`, c) >= 0 {
			return "", "", errPath
		}
	}
	return s[:n], s[n:], nil
}

// validDomain takes a name or an address literal.
func validDomain(s string) bool {
	if n := len(s); n > 2 && s[0] == '[' && s[n-1] == ']' {
		s = strings.ReplaceAll(s[1:n-1], ":", "")
	} else if strings.ContainsAny(s, "[]") {
		return false
	}
	return s != "" && !strings.ContainsFunc(s, notInDomain)
}

// address is the path as Delivered-To shows it: raw, the domain in lower case.
func (p path) address() string {
	if p.domain == "" {
		return p.local
	}
	return p.local + "@" + lowerASCII(p.domain)
}

// international says whether the path needs SMTPUTF8 (RFC 6531).
func (p path) international() bool {
	return strings.ContainsFunc(p.text, func(c rune) bool { return c >= utf8.RuneSelf })
}

// lowerASCII leaves bytes that are no UTF-8 as they are.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

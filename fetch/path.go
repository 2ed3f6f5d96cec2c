package fetch

import (
	"errors"
	"strings"
	"unicode/utf8"

	"vodmr/internal/address"
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

var errPath = errors.New("an address between < and > is needed")

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
	if text == "" {
		return "", "", nil
	}
	local, rest, ok := address.CutLocal(text)
	domain, found := strings.CutPrefix(rest, "@")
	if !ok || address.HasControl(local) || !found && rest != "" {
		return "", "", errPath
	}
	if found && (local == "" || !address.IsDomain(domain, true)) {
		return "", "", errPath
	}
	return local, domain, nil
}

// address is the path as Delivered-To shows it: raw, the domain in lower case.
func (p path) address() string {
	if p.domain == "" {
		return p.local
	}
	return p.local + "@" + address.Lower(p.domain)
}

// international reports if the path needs SMTPUTF8 (RFC 6531).
func (p path) international() bool {
	return strings.ContainsFunc(p.text, func(c rune) bool { return c >= utf8.RuneSelf })
}

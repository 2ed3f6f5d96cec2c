// Package address owns the syntax of mail addresses and of domains: how one is taken
// apart, quoted for SMTP and compared. Rules that differ on purpose stand here side by
// side, under names of their own.
package address

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// ErrSyntax means that an address cannot be written in an SMTP command.
var ErrSyntax = errors.New("address cannot be written in SMTP")

// Cut cuts a raw address at its last @. Without one, all is local part.
func Cut(raw string) (local, domain string, found bool) {
	if i := strings.LastIndexByte(raw, '@'); i >= 0 {
		return raw[:i], raw[i+1:], true
	}
	return raw, "", false
}

// Split is Cut for an address that may have no domain.
func Split(raw string) (local, domain string) {
	local, domain, _ = Cut(raw)
	return local, domain
}

// Quote writes a raw address as RFC 5321 section 4.1.2 wants it, without the
// angle brackets: a local part that is no dot-string becomes a quoted string.
// The empty address stays empty. A control character, or a domain that would
// end the address, is ErrSyntax.
func Quote(raw string) (string, error) {
	local, domain, found := Cut(raw)
	if HasControl(raw) || strings.ContainsAny(domain, " <>\"\\") {
		return "", ErrSyntax
	}
	if raw != "" && !isDotString(local) {
		local = quoteString(local)
	}
	if found {
		return local + "@" + domain, nil
	}
	return local, nil
}

// Shown is Quote for a log or a notice: an address that has no such form is as it is.
func Shown(raw string) string {
	if quoted, err := Quote(raw); err == nil {
		return quoted
	}
	return raw
}

// Unquote turns an address of RFC 5321, without the angle brackets, into its raw
// form. If it does not begin with a quoted string, it stays as it is.
func Unquote(quoted string) string {
	if raw, rest, ok := cutQuoted(quoted); ok {
		return raw + rest
	}
	return quoted
}

// CutLocal takes a local part, quoted or not, off the start of an address and returns its
// raw form. It is more lenient than RFC 5321: dots may stand anywhere, and all bytes beyond
// ASCII count. Addresses that break those rules are in use. ok is false if there is none.
func CutLocal(address string) (raw, rest string, ok bool) {
	if strings.HasPrefix(address, `"`) {
		return cutQuoted(address)
	}
	n := 0
	for n < len(address) && IsUnquoted(address[n]) {
		n++
	}
	return address[:n], address[n:], n > 0
}

// IsUnquoted reports if a byte may stand in a local part outside quotes (RFC 5322 section
// 3.2.3).
func IsUnquoted(c byte) bool {
	return c > ' ' && c != 0x7f && strings.IndexByte(`()<>[]:;@\,"`, c) < 0
}

// cutQuoted takes a quoted string off the start of s. ok is false if there is none, or if
// it has no end.
func cutQuoted(s string) (raw, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		return "", s, false
	}
	var text []byte
	for i := 1; i < len(s); i++ {
		if s[i] == '"' {
			return string(text), s[i+1:], true
		}
		if s[i] == '\\' {
			i++
		}
		if i < len(s) {
			text = append(text, s[i])
		}
	}
	return "", s, false
}

func quoteString(local string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	return `"` + escape.Replace(local) + `"`
}

// isDotString reports if a local part needs no quotes: atoms with single dots
// between them. Bytes beyond ASCII count as in RFC 6531.
func isDotString(local string) bool {
	isQuoted := func(c rune) bool { return c < utf8.RuneSelf && !IsUnquoted(byte(c)) }
	return !strings.ContainsFunc(local, isQuoted) && !slices.Contains(strings.Split(local, "."), "")
}

// HasControl reports if a control character, NUL, CR and LF among them, is in s.
func HasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// Lower folds ASCII letters only, as qmail and vchkpw do. strings.ToLower would also fold
// letters beyond ASCII, some of them into ASCII ones, and change bytes that are
// no UTF-8: two different names could become one.
func Lower(s string) string { return fold(s, 'A', 'a') }

// Upper is Lower's opposite.
func Upper(s string) string { return fold(s, 'a', 'A') }

// fold moves the 26 letters that begin at from to those that begin at to.
func fold(s string, from, to byte) string {
	b := []byte(s)
	for i, c := range b {
		if from <= c && c < from+26 {
			b[i] = c - from + to
		}
	}
	return string(b)
}

package qmail

import (
	"errors"
	"strings"
)

// ErrAddress means that an address cannot be written in an SMTP command.
var ErrAddress = errors.New("address cannot be written in SMTP")

// Split cuts a raw address at its last @. If it has none, all of it is the local part.
func Split(raw string) (local, domain string) {
	local, domain, _ = cutLast(raw, '@')
	return local, domain
}

// cutLast is strings.Cut at the last sep.
func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// Quote writes a raw address as RFC 5321 section 4.1.2 wants it, without the
// angle brackets: a local part that is not a dot-string becomes a quoted string.
// The empty address stays empty. A control character, or a domain that would
// end the address, is ErrAddress.
func Quote(raw string) (string, error) {
	local, domain, found := cutLast(raw, '@')
	if strings.ContainsFunc(raw, isControl) || strings.ContainsAny(domain, " <>\"\\") {
		return "", ErrAddress
	}
	if raw != "" && !isDotString(local) {
		local = quoteString(local)
	}
	if found {
		return local + "@" + domain, nil
	}
	return local, nil
}

// Unquote turns an address of RFC 5321, without the angle brackets, into its raw
// form. If the local part is not a proper quoted string, it stays as it is.
func Unquote(quoted string) string {
	if !strings.HasPrefix(quoted, `"`) {
		return quoted
	}
	var raw []byte
	for i := 1; i < len(quoted); i++ {
		switch quoted[i] {
		case '"':
			return string(raw) + quoted[i+1:]
		case '\\':
			if i++; i == len(quoted) {
				return quoted
			}
		}
		raw = append(raw, quoted[i])
	}
	return quoted
}

func quoteString(local string) string {
	b := []byte{'"'}
	for i := range len(local) {
		if local[i] == '"' || local[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, local[i])
	}
	return string(append(b, '"'))
}

// isDotString reports if a local part needs no quotes: atoms with single dots
// between them. Bytes beyond ASCII count as RFC 6531 has them.
func isDotString(local string) bool {
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" {
			return false
		}
		for i := range len(atom) {
			if !isAtomByte(atom[i]) {
				return false
			}
		}
	}
	return true
}

func isAtomByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c >= 0x80:
		return true
	}
	return strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

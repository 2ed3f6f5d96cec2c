package maildir

import (
	"fmt"
	"strings"
)

// reversePath makes the value of a Return-Path line fit for MAIL FROM:<...>. The address is
// quoted if it has brackets, and raw if not.
func reversePath(value string) (sender string, double bool, err error) {
	if hasControl(value) {
		return "", false, fmt.Errorf("%w: Return-Path holds a control character", ErrNoEnvelope)
	}
	path, raw := strings.Trim(value, " "), true
	if inside, ok := strings.CutPrefix(path, "<"); ok {
		if inside, ok = strings.CutSuffix(inside, ">"); !ok {
			return "", false, fmt.Errorf("%w: Return-Path has no closing >", ErrNoEnvelope)
		}
		path, raw = inside, false
	}
	switch {
	case path == "#@[]":
		return "", true, nil
	case path == "" && raw:
		return "", false, fmt.Errorf("%w: Return-Path is empty", ErrNoEnvelope)
	case path == "" || isPath(path):
		return path, false, nil
	}
	sender, ok := quote(path)
	if !ok {
		return "", false, fmt.Errorf("%w: Return-Path is no address", ErrNoEnvelope)
	}
	return sender, false, nil
}

// isPath reports if an address can stand between the brackets as it is (RFC 5321 section
// 4.1.2). It allows dots anywhere, 8-bit characters, and no domain: none of these can
// mislead a server.
func isPath(s string) bool {
	rest, ok := skipQuoted(s)
	if !ok {
		rest = strings.TrimLeftFunc(s, func(r rune) bool { return r > ' ' && !strings.ContainsRune(specials, r) })
		ok = len(rest) < len(s)
	}
	if !ok || rest == "" {
		return ok
	}
	return rest[0] == '@' && isDomain(rest[1:])
}

// specials may stand in a local part only inside quotes (RFC 5322 section 3.2.3).
const specials = "()<>[]:;@\\,\"\x7f"

// skipQuoted skips a quoted string at the start of s.
func skipQuoted(s string) (rest string, ok bool) {
	if s == "" || s[0] != '"' {
		return s, false
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return s[i+1:], true
		case '\\':
			i++
		}
	}
	return s, false
}

// isDomain reports if s cannot break out of a command. It does not look the domain up.
func isDomain(s string) bool {
	return s != "" && !strings.ContainsAny(s, " <>()\\,;\"@\x7f") && !hasControl(s)
}

// quote makes the quoted form of a raw address: the whole local part in quotes.
func quote(raw string) (string, bool) {
	local, domain := raw, ""
	if at := strings.LastIndexByte(raw, '@'); at >= 0 {
		local, domain = raw[:at], raw[at:]
		if !isDomain(domain[1:]) {
			return "", false
		}
	}
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	return `"` + escape.Replace(local) + `"` + domain, true
}

// hasControl reports if s has a control character, such as NUL, CR or LF.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

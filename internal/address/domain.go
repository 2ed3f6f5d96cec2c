package address

import (
	"errors"
	"strings"
)

// Three rules for domains, from the most lenient to the strictest. None asks if the
// domain exists.

// IsSafe reports if a name cannot break out of an SMTP command, or of a list with commas:
// the rule for mail that was delivered already.
func IsSafe(name string) bool {
	return name != "" && !HasControl(name) && !strings.ContainsAny(name, " <>()\\,;\"@")
}

// IsDomain reports if a name is safe and no port or address literal is in it: the rule for
// addresses that a peer sends. With literal, an address literal in brackets will do
// instead (RFC 5321 section 4.1.3).
func IsDomain(name string, literal bool) bool {
	if n := len(name); literal && n > 2 && name[0] == '[' && name[n-1] == ']' {
		inside := strings.ReplaceAll(name[1:n-1], ":", "")
		return IsSafe(inside)
	}
	return IsSafe(name) && !strings.Contains(name, ":") && !(literal && strings.ContainsAny(name, "[]"))
}

const (
	// maxDomain and maxLabel bound a domain and what stands between two dots of it, in
	// bytes (RFC 5321 section 4.5.3.1.2, RFC 1035 section 2.3.4).
	maxDomain = 255
	maxLabel  = 63
)

// Errors of CheckDomain.
var (
	ErrLong = errors.New("a domain has at most 255 characters, and 63 between two dots")
	ErrForm = errors.New("a domain has letters, digits and hyphens between its dots")
)

// CheckDomain says why a name has not RFC 5321's form, ErrLong or ErrForm: the rule for a
// domain that is asked for. Underscores are met in practice.
func CheckDomain(name string) error {
	if len(name) > maxDomain {
		return ErrLong
	}
	for label := range strings.SplitSeq(name, ".") {
		if len(label) > maxLabel {
			return ErrLong
		}
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' || !IsHost(label) {
			return ErrForm
		}
	}
	return nil
}

// IsHost reports if a name has the characters and the length of a host's, whatever the
// order.
func IsHost(name string) bool {
	for i := range len(name) {
		c := name[i] | 0x20 // a letter in lower case
		if !('a' <= c && c <= 'z' || '0' <= name[i] && name[i] <= '9' || strings.IndexByte("-._", name[i]) >= 0) {
			return false
		}
	}
	return name != "" && len(name) <= maxDomain
}

package grant

import (
	"errors"
	"strings"

	"vodmr/qmail"
)

// The errors of a list of domains. A customer reads these words behind 501.
var (
	errNoDomain = errors.New("a domain is missing before or behind a comma: ATRN example.org,example.net")
	errNoComma  = errors.New("domains have a comma between them, not a blank: ATRN example.org,example.net")
	errDomain   = errors.New("a domain has letters, digits and hyphens between its dots, beyond ASCII its xn-- form: ATRN example.org")
	errLong     = errors.New("a domain has at most 255 characters, and 63 between two dots")
)

const (
	// maxDomain and maxLabel bound a domain and what stands between two dots of it, in
	// bytes (RFC 5321 section 4.5.3.1.2, RFC 1035 section 2.3.4).
	maxDomain = 255
	maxLabel  = 63
)

// AskedDomains reads ATRN's argument: `domain *("," domain)` or nothing (RFC 2645 section
// 5.2.1). Blanks and tabs around a domain, and one dot at its end, as the DNS writes it,
// are accepted: some customers send them, and their meaning is clear.
func AskedDomains(arg string) ([]string, error) {
	if arg == "" {
		return nil, nil
	}
	domains := strings.Split(arg, ",")
	for i, domain := range domains {
		domains[i] = strings.TrimSuffix(strings.Trim(domain, " \t"), ".")
		if domains[i] == "" {
			return nil, errNoDomain
		}
	}
	return ParseDomains(strings.Join(domains, ","))
}

// ParseDomains reads a list of domains with commas between them, such as that of
// VODMR_DOMAINS. They come back in lower case.
func ParseDomains(list string) ([]string, error) {
	if list == "" {
		return nil, nil
	}
	domains := strings.Split(qmail.Lower(list), ",")
	for _, domain := range domains {
		if domain == "" {
			return nil, errNoDomain
		}
		if err := checkDomain(domain); err != nil {
			return nil, err
		}
	}
	return domains, nil
}

// checkDomain returns an error if a name has not RFC 5321's form. Underscores are
// allowed: they occur in practice.
func checkDomain(name string) error {
	if strings.ContainsAny(name, " \t") {
		return errNoComma
	}
	if len(name) > maxDomain {
		return errLong
	}
	for label := range strings.SplitSeq(name, ".") {
		if len(label) > maxLabel {
			return errLong
		}
		if !isLabel(label) {
			return errDomain
		}
	}
	return nil
}

func isLabel(label string) bool {
	if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		c := label[i]
		if !(c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z') {
			return false
		}
	}
	return true
}

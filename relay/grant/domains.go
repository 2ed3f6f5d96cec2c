package grant

import (
	"errors"
	"strings"

	"vodmr/internal/address"
)

// The errors of a list of domains. A customer reads these words behind 501.
var (
	errNoDomain = errors.New("a domain is missing before or behind a comma: ATRN example.org,example.net")
	errNoComma  = errors.New("domains have a comma between them, not a blank: ATRN example.org,example.net")
	errDomain   = errors.New("a domain has letters, digits and hyphens between its dots, beyond ASCII its xn-- form: ATRN example.org")
	errLong     = errors.New("a domain has at most 255 characters, and 63 between two dots")
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
	domains := strings.Split(address.Lower(list), ",")
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

// checkDomain returns the fault of a domain, in words for the customer.
func checkDomain(name string) error {
	if strings.ContainsAny(name, " \t") {
		return errNoComma
	}
	switch address.CheckDomain(name) {
	case nil:
		return nil
	case address.ErrLong:
		return errLong
	}
	return errDomain
}

package relay

import (
	"errors"
	"strings"

	"vodmr/qmail"
)

var errDomains = errors.New("ATRN takes no argument, or domains with commas between them: ATRN example.org,example.net")

// parseDomains reads ATRN's argument: `domain *("," domain)` or nothing (RFC
// 2645 section 5.2.1). The domains come back in lower case.
func parseDomains(arg string) ([]string, error) {
	if arg == "" {
		return nil, nil
	}
	domains := strings.Split(qmail.Lower(arg), ",")
	for _, domain := range domains {
		if !isDomain(domain) {
			return nil, errDomains
		}
	}
	return domains, nil
}

// isDomain says whether a name has RFC 5321's form; underscores are met in
// practice.
func isDomain(name string) bool {
	if len(name) > 255 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if !isLabel(label) {
			return false
		}
	}
	return true
}

func isLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
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

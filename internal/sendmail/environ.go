package sendmail

import (
	"slices"
	"strings"
)

// foreign are beginnings of names that mean something to the programs in front of this one
// and nothing to a sendmail, or the wrong thing: with QMAILQUEUE, qmail's own sendmail would
// run this program again, and without end.
func foreign() []string {
	return []string{"VODMR_", "QMAIL", "SSL", "TCP", "UCSPI", "PROTO", "RELAYCLIENT", "DATABYTES", "VPOPUSER", "AUTH_", "SMTPAUTH", "GOMAXPROCS"}
}

// Environ is an environment without what the programs in front of this one put there.
// PATH is set if it is missing.
func Environ(environ []string) (kept []string) {
	path := false
	for _, entry := range environ {
		if !isForeign(entry) {
			kept = append(kept, entry)
			path = path || strings.HasPrefix(entry, "PATH=")
		}
	}
	if !path {
		kept = append(kept, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	return kept
}

func isForeign(entry string) bool {
	return slices.ContainsFunc(foreign(), func(prefix string) bool { return strings.HasPrefix(entry, prefix) })
}

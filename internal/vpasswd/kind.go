package vpasswd

import "strings"

// A kind is what decides how long a crypt(3) digest takes to compute.
type kind struct{ name, parameters string }

// kindOf reads the kind of a digest, `$NAME$PARAMETERS$SALT$HASH`. NAME and PARAMETERS
// are empty for what is no such digest, "*" for one.
func kindOf(digest string) kind {
	name, rest, found := strings.Cut(strings.TrimPrefix(digest, "$"), "$")
	if !found || digest[0] != '$' {
		return kind{}
	}
	end := 0
	for {
		field, _, more := strings.Cut(rest[end:], "$")
		if !more || !strings.Contains(field, "=") && (end > 0 || saltFirst(name)) {
			break
		}
		end += len(field) + 1
	}
	// The letters of bcrypt's 2a, 2b, 2x and 2y tell of old faults, not of the cost.
	if len(name) == 2 && name[0] == '2' {
		name = name[:1]
	}
	return kind{name, rest[:end]}
}

// saltFirst reports if the salt follows the name of a crypt(3) form. The others have a
// cost there, and all may have fields with an equals sign first.
func saltFirst(name string) bool {
	return name == "1" || name == "5" || name == "6" || strings.HasPrefix(name, "md5")
}

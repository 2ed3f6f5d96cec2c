package qmail

import (
	"strings"

	"vodmr/internal/address"
)

// Rules is a database of rules for logins that tcprules compiled. A rule's key
// is a login in lower case, `@domain`, or empty for everybody else.
type Rules struct{ cdb *CDB }

// A Rule holds a site's settings for a login.
type Rule struct {
	Deny bool
	Env  map[string]string // settings, by name
}

// OpenRules opens the database at path, which must exist. If others can write to it, the
// error is ErrWritable.
func OpenRules(path string) (*Rules, error) {
	cdb, err := openDatabase(path, openTrusted)
	if err != nil {
		return nil, err
	}
	return &Rules{cdb}, nil
}

// Close closes the file.
func (r *Rules) Close() error { return r.cdb.Close() }

// For finds the rule for a login: by the login, by its domain, or by the empty
// key. Not found means that there is no rule for it.
func (r *Rules) For(login string) (Rule, bool, error) {
	for _, key := range ruleKeys(address.Lower(login)) {
		value, found, err := r.cdb.Find([]byte(key))
		if err != nil {
			return Rule{}, false, err
		}
		if found {
			rule, err := r.parse(string(value))
			return rule, err == nil, err
		}
	}
	return Rule{}, false, nil
}

// Each calls take for every rule, in the order of the file.
func (r *Rules) Each(take func(key string, rule Rule)) error {
	return r.cdb.Each(func(key, value []byte) error {
		rule, err := r.parse(string(value))
		if err == nil {
			take(string(key), rule)
		}
		return err
	})
}

// ruleKeys lists the keys to try, in order. vchkpw also takes % or / for the @
// of a login: the rule for the usual form must apply to such a login too.
func ruleKeys(login string) []string {
	keys := []string{login}
	if local, domain := SplitLogin(login); domain != "" {
		login = local + "@" + domain
	}
	if login != keys[0] {
		keys = append(keys, login)
	}
	if _, domain, found := address.Cut(login); found {
		keys = append(keys, "@"+domain)
	}
	return append(keys, "")
}

// SplitLogin takes a login apart as vchkpw does: at the first @; if it has none, at the
// first %; if it has neither, at the first /. The domain may be empty.
func SplitLogin(login string) (local, domain string) {
	for _, separator := range []string{"@", "%", "/"} {
		if local, domain, found := strings.Cut(login, separator); found {
			return local, domain
		}
	}
	return login, ""
}

// parse reads a record: `D NUL` to deny, `+NAME=value NUL` for each setting. Of
// equal names the last counts.
func (r *Rules) parse(value string) (Rule, error) {
	rule := Rule{Env: map[string]string{}}
	for value != "" {
		part, rest, ended := strings.Cut(value, "\x00")
		name, text, isSetting := strings.Cut(strings.TrimPrefix(part, "+"), "=")
		switch {
		case !ended:
			return Rule{}, r.cdb.damaged("a rule does not end in NUL")
		case part == "D":
			rule.Deny = true
		case part[:min(1, len(part))] == "+" && isSetting && name != "":
			rule.Env[name] = text
		default:
			return Rule{}, r.cdb.damaged("a rule holds neither a setting nor deny")
		}
		value = rest
	}
	return rule, nil
}

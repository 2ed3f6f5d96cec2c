package qmail

import (
	"slices"
	"strings"

	"vodmr/internal/address"
)

// VirtualDomains is control/virtualdomains: which domain's mail goes to which
// local prefix. See qmail-send(8).
type VirtualDomains struct {
	prepend map[string]string // lower-case key: domain, .suffix, user@domain or ""
	users   map[string]bool   // "prepend-user@domain", lower case
}

// VirtualDomains reads control/virtualdomains. If the file is absent, it holds nothing. If
// others can write to it, the error is ErrWritable.
func (h Home) VirtualDomains() (*VirtualDomains, error) {
	c := control{home: h, open: openTrusted}
	v := &VirtualDomains{map[string]string{}, map[string]bool{}}
	for _, line := range c.lines("virtualdomains") {
		if key, prepend, ok := strings.Cut(line, ":"); ok {
			v.prepend[address.Lower(key)] = prepend // the last of equal keys wins, as in qmail
		}
	}
	for key, prepend := range v.prepend {
		if user, domain, ok := address.Cut(key); ok && prepend != "" {
			v.users[address.Lower(prepend)+"-"+user+"@"+domain] = true
		}
	}
	return v, c.err
}

// Prefix returns the prefix that qmail-send puts, with a hyphen, before the local part of
// an address at domain: by the domain itself, by a .suffix of it, the longest first, or
// by the empty key. An empty prefix makes an exception: not found.
func (v *VirtualDomains) Prefix(domain string) (prefix string, found bool) {
	domain = address.Lower(domain)
	for i := 0; i <= len(domain); i++ {
		if i > 0 && i < len(domain) && domain[i] != '.' {
			continue
		}
		if prefix, found := v.prepend[domain[i:]]; found {
			return prefix, prefix != ""
		}
	}
	return "", false
}

// Strip returns the local part that the sender wrote, from a Delivered-To of
// local@domain: it removes the prefix that qmail-send put there because of virtualdomains.
func (v *VirtualDomains) Strip(local, domain string) string {
	if user, ok := v.stripUser(address.Lower(local), address.Lower(domain)); ok {
		return local[len(local)-len(user):]
	}
	prefix, found := v.Prefix(domain)
	n := len(prefix) + 1
	if !found || len(local) < n || address.Lower(local[:n]) != address.Lower(prefix)+"-" {
		return local
	}
	return local[n:]
}

// stripUser looks for a user@domain key that leads to local. Only the keys of
// that domain count, and each hyphen may be the one that qmail-send put in.
func (v *VirtualDomains) stripUser(local, domain string) (user string, ok bool) {
	if !v.users[local+"@"+domain] {
		return "", false
	}
	for i := range len(local) {
		user := local[i+1:]
		if local[i] == '-' && address.Lower(v.prepend[user+"@"+domain]) == local[:i] && i > 0 {
			return user, true
		}
	}
	return "", false
}

// HeldBy lists, in order, the domains with a prefix that is login or starts with login and
// a hyphen: those for which the system user login receives mail. A key with a wildcard
// names no domain and is not listed; ask Prefix for it.
func (v *VirtualDomains) HeldBy(login string) []string {
	var domains []string
	for key, prepend := range v.prepend {
		if key != "" && key[0] != '.' && !strings.ContainsRune(key, '@') && HeldPrefix(prepend, login) {
			domains = append(domains, key)
		}
	}
	slices.Sort(domains)
	return domains
}

// Holds reports if any domain's mail goes to the system user login, even if only by a key
// with a wildcard.
func (v *VirtualDomains) Holds(login string) bool {
	for key, prepend := range v.prepend {
		if !strings.ContainsRune(key, '@') && HeldPrefix(prepend, login) {
			return true
		}
	}
	return false
}

// HeldPrefix reports if mail with that prefix goes to the system user login: the prefix is
// login, or starts with login and a hyphen.
func HeldPrefix(prefix, login string) bool {
	prefix, login = address.Lower(prefix), address.Lower(login)
	return login != "" && (prefix == login || strings.HasPrefix(prefix, login+"-"))
}

package check

import (
	"cmp"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"vodmr/internal/address"
)

// A postfix asks Postfix about itself: by postconf(1) for its settings, and by postmap(1) for
// its tables, whatever their types are.
type postfix struct {
	run    func(name string, args ...string) (toolRun, error)
	broken string // the first table that could not be asked, with the reason
}

// setting is a setting with all variables in it replaced; "" if it cannot be had.
func (p *postfix) setting(name string) string {
	run, err := p.run("postconf", "-xh", name)
	if err != nil || run.code != 0 {
		return ""
	}
	return strings.TrimSpace(run.out)
}

// words cuts a setting at commas and blanks. What stands in braces stays whole.
func words(list string) (found []string) {
	depth, start := 0, -1
	for i, c := range list + " " {
		if c == '{' {
			depth++
		} else if c == '}' {
			depth--
		}
		ends := depth <= 0 && strings.ContainsRune(", \t\n", c)
		if !ends && start < 0 {
			start = i
		} else if ends && start >= 0 {
			found, start = append(found, list[start:min(i, len(list))]), -1
		}
	}
	return found
}

// isTable reports if a word of a list names a table, such as hash:/etc/postfix/virtual.
func isTable(word string) bool {
	return !strings.HasPrefix(word, "/") && strings.Contains(word, ":")
}

// lookUp looks for a key in tables, and returns the first value.
func (p *postfix) lookUp(tables, key string) (value string, found bool) {
	for _, table := range words(tables) {
		run, err := p.run("postmap", "-q", key, table)
		if err == nil && run.code == 0 {
			return strings.TrimRight(run.out, "\n"), true
		}
		if err == nil && run.failed() {
			err = errors.New(run.reason())
		}
		if err != nil {
			p.broken = cmp.Or(p.broken, table+": "+err.Error())
		}
	}
	return "", false
}

// has reports if a domain is in a list of Postfix: as a word, in a table, or as a line of a
// file.
func (p *postfix) has(list, domain string) bool {
	for _, word := range words(list) {
		item, not := strings.CutPrefix(word, "!")
		if p.matches(item, domain) {
			return !not
		}
	}
	return false
}

func (p *postfix) matches(item, domain string) bool {
	if isTable(item) {
		_, found := p.lookUp(item, domain)
		return found
	}
	if strings.HasPrefix(item, "/") {
		text, err := readText(ids{}, item)
		return err == nil && slices.Contains(words(address.Lower(string(text))), domain)
	}
	return address.Lower(item) == domain
}

// A delivery is the end of an address's way through a mail server.
type delivery struct {
	address string // after all aliases
	path    string // of a mailbox; a folder of a Maildir ends with a slash
	user    ids    // that delivers there, if it is known
	handed  string // to a program that nobody can ask
}

// maxAliases bounds how often an address is replaced.
const maxAliases = 20

// resolve follows an address through virtual_alias_maps and to its mailboxes.
func (p *postfix) resolve(wanted string) (ends []delivery) {
	maps := p.setting("virtual_alias_maps")
	pending, seen := []string{wanted}, map[string]bool{}
	for len(pending) > 0 && len(seen) < maxAliases {
		next := pending[0]
		pending = pending[1:]
		if seen[next] {
			continue
		}
		seen[next] = true
		if value, found := p.lookUpAddress(maps, next); found && value != next {
			pending = append(pending, p.qualified(value)...)
		} else {
			ends = append(ends, p.deliver(next)...)
		}
	}
	return ends
}

// lookUpAddress looks for an address, and then for its domain, in tables of addresses.
func (p *postfix) lookUpAddress(tables, addr string) (value string, found bool) {
	if value, found = p.lookUp(tables, addr); found {
		return value, true
	}
	_, domain := address.Split(addr)
	value, found = p.lookUp(tables, "@"+domain)
	if rest, same := strings.CutPrefix(value, "@"); same && found { // another domain, the same local part
		local, _ := address.Split(addr)
		value = local + "@" + rest
	}
	return value, found
}

// qualified gives a list of addresses their domains.
func (p *postfix) qualified(list string) (all []string) {
	for _, addr := range words(list) {
		if !strings.Contains(addr, "@") {
			addr += "@" + p.setting("myorigin")
		}
		all = append(all, address.Lower(addr))
	}
	return all
}

// deliver finds the mailbox of an address that is no alias.
func (p *postfix) deliver(addr string) []delivery {
	local, domain := address.Split(addr)
	end := delivery{address: addr}
	transport, _ := p.lookUp(p.setting("transport_maps"), addr)
	if transport == "" {
		transport, _ = p.lookUp(p.setting("transport_maps"), domain)
	}
	virtual := p.has(p.setting("virtual_mailbox_domains"), domain)
	if transport == "" && virtual {
		transport = p.setting("virtual_transport")
	}
	if transport == "" && p.has(p.setting("mydestination"), domain) {
		transport = p.setting("local_transport")
	}
	name, _, _ := strings.Cut(transport, ":")
	if name == "virtual" && virtual {
		return p.virtual(end)
	}
	if name == "local" {
		return p.local(end, local)
	}
	if transport != "" {
		end.handed = "transport " + transport
		return []delivery{end}
	}
	return nil
}

// virtual finds a mailbox of virtual(8).
func (p *postfix) virtual(end delivery) []delivery {
	path, found := p.lookUpAddress(p.setting("virtual_mailbox_maps"), end.address)
	if !found {
		return nil
	}
	end.path = joined(p.setting("virtual_mailbox_base"), path)
	uid, hasUID := p.lookUpAddress(p.setting("virtual_uid_maps"), end.address)
	gid, _ := p.lookUpAddress(p.setting("virtual_gid_maps"), end.address)
	if hasUID {
		end.user = ids{true, uint32(number(uid, 0)), uint32(number(gid, 0))}
	}
	return []delivery{end}
}

// joined joins a folder and a name, and keeps the slash at the name's end.
func joined(base, name string) string {
	path := filepath.Join(base, name)
	if strings.HasSuffix(name, "/") {
		path += "/"
	}
	return path
}

// local finds a mailbox of local(8): by aliases(5), or in the home of a user of the system.
func (p *postfix) local(end delivery, local string) []delivery {
	if value, found := p.lookUp(p.setting("alias_maps"), local); found {
		return p.aliased(end, value)
	}
	if program := p.setting("mailbox_command") + p.setting("mailbox_transport"); program != "" {
		end.handed = program
		return []delivery{end}
	}
	user, home, err := lookUpUser(local)
	if err != nil && p.setting("local_recipient_maps") != "" {
		return nil // the names are listed, and no mail for others comes as far as luser_relay
	}
	if err != nil {
		return p.aliased(end, p.setting("luser_relay"))
	}
	end.user = user
	if name := p.setting("home_mailbox"); name != "" {
		end.path = joined(home, name)
	} else {
		end.path = filepath.Join(p.setting("mail_spool_directory"), local)
	}
	return []delivery{end}
}

// aliased goes through the right side of a line in aliases(5): files, programs, addresses.
func (p *postfix) aliased(end delivery, value string) (ends []delivery) {
	for _, word := range words(value) {
		place := end
		if word = strings.Trim(word, `"`); strings.HasPrefix(word, "/") {
			place.path = word
			place.user, _, _ = lookUpUser(p.setting("default_privs"))
		} else {
			place.handed = word
		}
		ends = append(ends, place)
	}
	return ends
}

// accepts reports if Postfix takes mail for a domain.
func (p *postfix) accepts(domain string) (accepted, twice bool) {
	count := 0
	for _, list := range []string{"mydestination", "virtual_mailbox_domains", "virtual_alias_domains"} {
		if p.has(p.setting(list), domain) {
			count++
		}
	}
	return count > 0 || p.has(p.setting("relay_domains"), domain), count > 1
}

package check

import (
	"errors"
	"fmt"
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
		if err != nil || run.failed() {
			p.fail(table, run, err)
		}
	}
	return "", false
}

func (p *postfix) fail(table string, run toolRun, err error) {
	if p.broken == "" {
		p.broken = table + ": " + run.reason()
		if err != nil {
			p.broken = table + ": " + err.Error()
		}
	}
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
	name := p.setting("home_mailbox")
	if err != nil {
		return nil
	}
	if name == "" {
		end.path = filepath.Join(p.setting("mail_spool_directory"), local)
	} else {
		end.path = joined(home, name)
	}
	end.user = user
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

const (
	noMTATool    kind = "doubtful | has no command that could be asked about the domain | is VODMR_MTA right? run vodmr-check where the mail server is installed"
	brokenTable  kind = "wrong | has a table that cannot be asked | make the table with postmap or newaliases, and see that its file can be read"
	staleTable   kind = "wrong | is older than its source | run postmap on it, or newaliases: what was changed since does not count yet"
	notAccepted  kind = "wrong | is not a domain that the mail server takes mail for | add the domain to the mail server's own list (Postfix: virtual_mailbox_domains), and let it read its settings again"
	twoClasses   kind = "wrong | is in more than one of mydestination, virtual_mailbox_domains and virtual_alias_domains | leave the domain in the one that delivers here, and reload Postfix"
	noCatchall   kind = "wrong | has no address in the mail server that leads to this Maildir | let a catch-all, or each address, lead to it (Postfix: '@DOMAIN PATH/' in virtual_mailbox_maps)"
	onlySome     kind = "doubtful | has no catch-all in the mail server | unknown addresses are refused: is each address of the customer in its list?"
	mtaAway      kind = "wrong | is delivered to another place than this Maildir | let the mail server deliver to this Maildir, or give the login that place as its folder"
	asOneFile    kind = "wrong | is delivered into one file, not into a Maildir | write a slash at the end of the mailbox's path"
	otherUser    kind = "wrong | is delivered by another user than the one that owns the Maildir | let the mail server deliver as the Maildir's owner (Postfix: virtual_uid_maps), or chown -R the Maildir"
	lowUID       kind = "wrong | is delivered by a user below virtual_minimum_uid, so Postfix defers it | set virtual_minimum_uid to at most that uid"
	hidesWanted  kind = "wrong | loses the recipient that the sender wrote | remove enable_original_recipient = no: with an alias, X-Original-To alone has that recipient"
	smallMailbox kind = "wrong | is less than the largest message that is taken | raise it to at least message_size_limit, or set it to 0: until then mail stays in the queue, or bounces"
)

// probeLocal is a local part that no site has: only a catch-all takes it.
const probeLocal = "vodmr-check-probe"

// askPostfix looks at a domain's way through Postfix.
func askPostfix(rt *route, r *report) {
	p := &postfix{run: rt.site.tool}
	if _, err := p.run("postconf", "-xh", "mail_version"); errors.Is(err, errNoTool) {
		r.say("Postfix", noMTATool, "postconf")
		return
	}
	checkTables(p, r)
	accepted, twice := p.accepts(rt.name)
	if twice {
		r.say(rt.name, twoClasses, "")
	}
	ends, some := p.resolve(probeLocal+"@"+rt.name), false
	if len(ends) == 0 {
		ends = p.resolve("postmaster@" + rt.name)
		some = len(ends) > 0
	}
	if p.broken != "" {
		r.say("Postfix", brokenTable, p.broken)
	} else if !accepted {
		r.say(rt.name, notAccepted, "")
	} else if some && leadsHere(rt, ends) {
		r.say(rt.name, onlySome, "postmaster@"+rt.name+" leads here")
	} else if some || len(ends) == 0 {
		r.say(rt.name, noCatchall, "")
	} else {
		judgeEnds(p, rt, r, ends)
	}
}

// leadsHere reports if one of the places is the login's Maildir.
func leadsHere(rt *route, ends []delivery) bool {
	return slices.ContainsFunc(ends, func(end delivery) bool { return samePlace(end.path, rt.m.maildir()) })
}

// samePlace reports if two paths name one folder.
func samePlace(a, b string) bool {
	if real, err := filepath.EvalSymlinks(a); err == nil && a != "" {
		a = real
	}
	if real, err := filepath.EvalSymlinks(b); err == nil {
		b = real
	}
	return a != "" && filepath.Clean(a) == filepath.Clean(b)
}

// judgeEnds says where the mail of a domain ends.
func judgeEnds(p *postfix, rt *route, r *report, ends []delivery) {
	for _, end := range ends {
		if samePlace(end.path, rt.m.maildir()) {
			judgeHere(p, rt, r, end)
			return
		}
	}
	if end := ends[0]; end.handed != "" {
		r.ok(rt.name, "its mail goes to "+end.handed+", which cannot be asked")
	} else {
		r.say(rt.name, mtaAway, end.path)
	}
}

// judgeHere looks at a delivery into the Maildir.
func judgeHere(p *postfix, rt *route, r *report, end delivery) {
	before := r.faults()
	_, domain := address.Split(end.address)
	least := number(p.setting("virtual_minimum_uid"), 0)
	if !strings.HasSuffix(end.path, "/") {
		r.say(rt.name, asOneFile, end.path)
	}
	if end.user.known && end.user.uid != rt.m.user.uid {
		r.say(rt.name, otherUser, end.user.String()+", not "+rt.m.user.String())
	}
	if end.user.known && int(end.user.uid) < least && p.has(p.setting("virtual_mailbox_domains"), domain) {
		r.say(rt.name, lowUID, fmt.Sprintf("%v, and virtual_minimum_uid is %d", end.user, least))
	}
	if end.address != probeLocal+"@"+rt.name && p.setting("enable_original_recipient") == "no" {
		r.say(rt.name, hidesWanted, end.address)
	}
	if r.faults() == before {
		r.ok(rt.name, "Postfix takes its mail and delivers it to this Maildir")
	}
}

// checkTables looks for tables that are older than their text.
func checkTables(p *postfix, r *report) {
	for _, name := range []string{"virtual_alias_maps", "virtual_mailbox_domains", "virtual_mailbox_maps", "alias_maps", "transport_maps"} {
		for _, word := range words(p.setting(name)) {
			kind, path, _ := strings.Cut(word, ":")
			suffix := map[string]string{"hash": ".db", "btree": ".db", "lmdb": ".lmdb", "cdb": ".cdb"}[kind]
			if suffix != "" && older(path+suffix, path) && !r.saidOf(path+suffix, staleTable) {
				r.say(path+suffix, staleTable, filepath.Base(path))
			}
		}
	}
}

// checkPostfixSizes compares the limits of sizes: virtual(8) and local(8) refuse to run if
// theirs is the smaller one.
func checkPostfixSizes(s *site, r *report) {
	p := &postfix{run: s.tool}
	message := number(p.setting("message_size_limit"), 0)
	for _, name := range []string{"virtual_mailbox_limit", "mailbox_size_limit"} {
		limit := number(p.setting(name), 0)
		if limit > 0 && (message == 0 || limit < message) {
			r.say("Postfix "+name, smallMailbox, fmt.Sprintf("%d, and message_size_limit is %d", limit, message))
		}
	}
}

// saidOf reports if a kind was found about a subject already.
func (r *report) saidOf(subject string, k kind) bool {
	return slices.ContainsFunc(r.findings, func(f finding) bool { return f.kind == k && f.subject == subject })
}

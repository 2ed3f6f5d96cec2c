package check

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"vodmr/internal/address"
)

const (
	noMTATool    kind = "doubtful | has no command that could be asked about the domain | is VODMR_MTA right? run vodmr-check where the mail server is installed"
	brokenTable  kind = "wrong | has a table that cannot be asked | make the table with postmap or newaliases, and see that its file can be read"
	staleTable   kind = "wrong | is a table that is older than its text | run postmap on it, or newaliases: what was changed since does not count yet"
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
	r.sayIf(twice, rt.name, twoClasses, "")
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

// placeHere is the index of the first place that is the login's Maildir, -1 if none is.
func placeHere(rt *route, ends []delivery) int {
	return slices.IndexFunc(ends, func(end delivery) bool { return samePlace(end.path, rt.m.maildir()) })
}

// leadsHere reports if one of the places is the login's Maildir.
func leadsHere(rt *route, ends []delivery) bool { return placeHere(rt, ends) >= 0 }

// samePlace reports if two paths name one folder.
func samePlace(a, b string) bool {
	return a != "" && resolved(a) == resolved(b)
}

// judgeEnds says where the mail of a domain ends.
func judgeEnds(p *postfix, rt *route, r *report, ends []delivery) {
	if here := placeHere(rt, ends); here >= 0 {
		judgeHere(p, rt, r, ends[here])
	} else if end := ends[0]; end.handed != "" {
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
	r.sayIf(!strings.HasSuffix(end.path, "/"), rt.name, asOneFile, end.path)
	r.sayIf(end.user.known && end.user.uid != rt.m.user.uid, rt.name, otherUser, end.user.String()+", not "+rt.m.user.String())
	if end.user.known && int(end.user.uid) < least && p.has(p.setting("virtual_mailbox_domains"), domain) {
		r.say(rt.name, lowUID, fmt.Sprintf("%v, and virtual_minimum_uid is %d", end.user, least))
	}
	r.sayIf(end.address != probeLocal+"@"+rt.name && p.setting("enable_original_recipient") == "no", rt.name, hidesWanted, end.address)
	r.okIf(r.faults() == before, rt.name, "Postfix takes its mail and delivers it to this Maildir")
}

// checkTables looks for tables that are older than their text.
func checkTables(p *postfix, r *report) {
	for _, name := range []string{"virtual_alias_maps", "virtual_mailbox_domains", "virtual_mailbox_maps", "alias_maps", "transport_maps"} {
		for _, word := range words(p.setting(name)) {
			kind, path, _ := strings.Cut(word, ":")
			suffix := map[string]string{"hash": ".db", "btree": ".db", "lmdb": ".lmdb", "cdb": ".cdb"}[kind]
			r.sayIf(suffix != "" && older(path+suffix, path), path+suffix, staleTable, filepath.Base(path))
		}
	}
}

// checkSizes compares the limits of sizes: virtual(8) and local(8) refuse to run if
// theirs is the smaller one.
func checkSizes(s *site, r *report) {
	if !s.fills("postfix") {
		return
	}
	p := &postfix{run: s.tool}
	message := number(p.setting("message_size_limit"), 0)
	for _, name := range []string{"virtual_mailbox_limit", "mailbox_size_limit"} {
		limit := number(p.setting(name), 0)
		if limit > 0 && (message == 0 || limit < message) {
			r.say("Postfix "+name, smallMailbox, fmt.Sprintf("%d, and message_size_limit is %d", limit, message))
		}
	}
}

// Package grant finds out which mail a login may have. It owns the rules of
// which login holds which domain. It only reads the site's files, and writes nothing.
package grant

import (
	"slices"
	"strings"

	"vodmr/internal/address"
	"vodmr/qmail"
	"vodmr/smtp"
)

// A Site is the provider's files that say which login holds which domain.
type Site struct {
	Qmail qmail.Home
	Rules string // rules.cdb; "" for none
}

// A Grant is the domains that a login holds, and those of them that the customer asked
// for. It follows from the site's own files, or from rules: HOME is the truth about
// the login, the name as typed is not.
type Grant struct {
	Login     string     // as rules know it: in lower case, with the real domain; "" if nobody knows it
	Domains   []string   // real domains that it holds; a system login's are found by name
	Catchalls []Catchall // catch-alls by address that lead to the mailbox
	Settings  Settings
	Refusal   smtp.Reply // the rules deny the login; the zero value if not

	users    *qmail.Users
	virtual  *qmail.VirtualDomains
	home     string          // the mailbox's directory
	maildir  string          // MAILDIR, below home if it is relative
	domain   *qmail.Domain   // the one that the mailbox lives in; nil for none
	system   string          // a system login, which holds the domains that virtualdomains sends to it
	prefixes map[string]bool // see leavesPrefix
	asked    []string        // real domains; empty for all
	rules    fileState       // rules.cdb, before it was read
	named    string          // the domains that a rule names; "" for none
}

// For finds out what a session of a login may have: its real name, what the rules say, which
// settings and domains it has. env gives variables, as os.Getenv does. The caller closes
// the Grant. If only the domains could not be found out, there is a Grant beside the
// error, with its Settings; otherwise it is nil.
func For(site Site, login, home, maildir string, env func(name string) string) (*Grant, error) {
	g, err := identify(site, login, home, maildir)
	if err != nil {
		return nil, err
	}
	domains, err := g.applyRules(site.Rules, env)
	if err != nil {
		g.Close()
		return nil, err
	}
	if g.Refusal.Code != 0 {
		return g, nil
	}
	return g, g.hold(domains)
}

// Held finds out what a login holds, for a program that the administrator runs. Of the
// Settings it has only those of VODMR_MTA and VODMR_BOUNCE. A rule that denies the login
// takes away only the domains that the rule itself names: mail that the customer may not
// fetch gets too old as well.
func Held(site Site, login, home, maildir string, env func(name string) string) (*Grant, error) {
	g, err := identify(site, login, home, maildir)
	if err != nil {
		return nil, err
	}
	domains, err := g.applySiteRules(site.Rules, env)
	if err == nil {
		err = g.hold(domains)
	}
	if err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

// hold finds the domains: those of a rule, if it names any, otherwise the mailbox's own.
func (g *Grant) hold(domains string) error {
	g.named = domains
	_, domain, isAddress := strings.Cut(g.Login, "@")
	switch {
	case domains != "":
		return g.byRule(domains)
	case g.domain != nil:
		return g.mailbox(*g.domain, true)
	case isAddress:
		g.Domains = []string{domain}
	default:
		g.system = g.Login
	}
	return nil
}

// Close closes the site's files.
func (g *Grant) Close() { _ = g.users.Close() }

// Known reports if it is known which login the mailbox is of.
func (g *Grant) Known() bool { return g.Login != "" }

// Restrict takes the domains of ATRN's list; none means all. The reply is a refusal, or
// the zero value: one domain that the login may not have refuses all (RFC 2645 section
// 5.2.1).
func (g *Grant) Restrict(list []string) (smtp.Reply, error) {
	for _, domain := range list {
		real, err := g.real(domain)
		if err != nil {
			return smtp.Reply{}, err
		}
		if !g.holds(real) {
			return smtp.NewReply(450, "4.7.1", "this login may not have the mail of "+domain), nil
		}
		g.asked = append(g.asked, real)
	}
	if len(g.Domains) == 0 && !g.virtual.Holds(g.system) {
		return replyNoDomain(), nil
	}
	return smtp.Reply{}, nil
}

func replyNoDomain() smtp.Reply {
	return smtp.NewReply(450, "4.7.1", "this login may not have the mail of any domain")
}

// Wants reports if mail for a recipient belongs to the login, and if it was asked for.
func (g *Grant) Wants(recipient string) (held, asked bool, err error) {
	domain, err := g.real(Domain(recipient))
	if err != nil {
		return false, false, err
	}
	held = g.holds(domain)
	return held, held && (len(g.asked) == 0 || slices.Contains(g.asked, domain)), nil
}

// Domain is the domain of an address, in lower case.
func Domain(of string) string {
	return address.Lower(of[strings.LastIndexByte(of, '@')+1:])
}

// holds reports if the login may have mail for a real domain.
func (g *Grant) holds(domain string) bool {
	if slices.Contains(g.Domains, domain) {
		return true
	}
	if g.system == "" {
		return false
	}
	prefix, found := g.virtual.Prefix(domain)
	return found && qmail.HeldPrefix(prefix, g.system)
}

// real returns the domain that an alias domain stands for, or the domain itself.
func (g *Grant) real(domain string) (string, error) {
	if g.holds(domain) {
		return domain, nil
	}
	entry, found, err := g.users.Domain(domain)
	if !found || err != nil {
		return domain, err
	}
	return entry.Name, nil
}

// Narrowed reports if the customer asked for a part of what the login holds.
func (g *Grant) Narrowed() bool {
	if len(g.asked) == 0 {
		return false
	}
	return slices.ContainsFunc(g.All(), func(domain string) bool { return !slices.Contains(g.asked, domain) })
}

// Asked returns the domains that the customer asked for, or all that the login holds if it
// asked for none.
func (g *Grant) Asked() []string {
	if len(g.asked) > 0 {
		return slices.Clone(g.asked)
	}
	return g.All()
}

// All returns the real domains that the login holds, in order.
func (g *Grant) All() []string {
	domains := slices.Clone(g.Domains)
	if g.system != "" {
		domains = append(domains, g.virtual.HeldBy(g.system)...)
	}
	slices.Sort(domains)
	return domains
}

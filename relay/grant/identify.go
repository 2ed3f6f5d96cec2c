package grant

import (
	"cmp"
	"fmt"
	"path"

	"vodmr/internal/address"
	"vodmr/internal/safepath"
	"vodmr/qmail"
)

// identify finds out which login the mailbox is of.
func identify(site Site, login, home, maildir string) (*Grant, error) {
	users, err := site.Qmail.Users()
	if err != nil {
		return nil, err
	}
	g := &Grant{users: users, Login: address.Lower(login), home: home, maildir: maildir}
	if g.virtual, err = site.Qmail.VirtualDomains(); err == nil {
		err = g.findDomain()
	}
	if err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

// findDomain finds out which domain the mailbox lives in. A path with another's link in it
// is refused before it is looked up, since it may lead into another customer's domain.
func (g *Grant) findDomain() error {
	if _, err := safepath.Resolve(g.home); safepath.Refused(err) {
		return err
	}
	domain, found, err := g.users.Holding(g.home)
	if err == nil && !found {
		_, name := qmail.SplitLogin(g.Login)
		domain, found, err = g.users.Domain(name)
		found = found && domain.HoldsReal(g.home)
	}
	if err != nil {
		return err
	}
	if !found {
		return g.checkLost()
	}
	g.domain = &domain
	g.Login = address.Lower(path.Base(g.home)) + "@" + domain.Name
	return nil
}

// checkLost returns an error if users/cdb does not know a mailbox that it must know:
// virtualdomains sends its domain's mail to the entry of that very name, as vpopmail has
// it, and that entry is there, or the mailbox is below a .qmail-default. A users/cdb that
// is lost is no reason to say yes. Without vpopmail, ~alias may get such a domain's mail.
func (g *Grant) checkLost() error {
	_, domain := qmail.SplitLogin(g.Login)
	prefix, found := g.virtual.Prefix(domain)
	if domain == "" || !found || address.Lower(prefix) != domain {
		return nil
	}
	lost := fmt.Errorf("control/virtualdomains gives %s to vpopmail, but users/cdb holds no directory of it that %s is in", domain, g.home)
	if _, known, err := g.users.Domain(domain); known || err != nil {
		return cmp.Or(err, lost)
	}
	file, err := qmail.DefaultAbove(g.home)
	if err != nil || file == "" {
		return err
	}
	return fmt.Errorf("%w: it is below %s", lost, file)
}

// byRule gives a login the domains of VODMR_DOMAINS.
func (g *Grant) byRule(list string) error {
	domains, err := ParseDomains(list)
	if err != nil {
		return err
	}
	for _, name := range domains {
		domain, found, err := g.users.Domain(name)
		if err != nil {
			return err
		}
		if !found {
			g.Domains = append(g.Domains, name)
			continue
		}
		g.Domains = append(g.Domains, domain.Name)
		if err := g.mailbox(domain, false); err != nil {
			return err
		}
	}
	return nil
}

// mailbox finds out if a domain's catch-all leads to this mailbox. If so, and if give is
// set, the login holds the domain: a plain POP account may not turn its inbox into a
// queue. A catch-all by address is remembered, as mail then shows the wanted recipient in
// another line.
func (g *Grant) mailbox(domain qmail.Domain, give bool) error {
	instructions, err := qmail.ReadDefault(domain.Dir)
	if err != nil {
		return err
	}
	leads, forward, err := g.users.LeadsHere(domain, instructions, g.home, g.maildir)
	if err != nil || !leads {
		return err
	}
	if give {
		g.Domains = []string{domain.Name}
	}
	if forward != "" {
		return g.addCatchall(domain, forward, instructions)
	}
	return nil
}

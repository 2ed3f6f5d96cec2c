package relay

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"vodmr/internal/address"
	"vodmr/internal/safepath"
	"vodmr/qmail"
	"vodmr/smtp"
)

// An entitlement is which domains' mail a login may have, and of those, which
// the customer asked for. It follows from the site's own files, or from rules:
// HOME is the truth about who logged in, the login as typed is not.
type entitlement struct {
	users   *qmail.Users
	virtual *qmail.VirtualDomains

	login     string        // as rules know it: in lower case, with the real domain
	home      string        // the mailbox's directory
	maildir   string        // MAILDIR, below home where it is relative
	domain    *qmail.Domain // where the mailbox lives; nil for no domain's
	domains   []string      // real domains that it holds
	system    string        // a system login, which holds what virtualdomains sends it
	catchalls []catchall
	prefixes  map[string]bool // see leavesPrefix

	asked  []string // real domains; empty for all
	failed error    // a look-up that failed
}

// identify finds out who logged in.
func identify(c *Config) (*entitlement, error) {
	users, err := c.Qmail.Users()
	if err != nil {
		return nil, err
	}
	e := &entitlement{users: users, login: address.Lower(c.Login), home: c.Home, maildir: c.Maildir}
	if e.virtual, err = c.Qmail.VirtualDomains(); err != nil {
		e.close()
		return nil, err
	}
	if err := e.findDomain(); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

// findDomain finds out which domain the mailbox lives in. A path with another's link in it
// is refused before it is looked up, since it may lead into another customer's domain.
func (e *entitlement) findDomain() error {
	if _, err := safepath.Resolve(e.home); safepath.Refused(err) {
		return err
	}
	domain, found, err := e.users.Holding(e.home)
	if err == nil && !found {
		_, name := qmail.SplitLogin(e.login)
		domain, found, err = e.users.Domain(name)
		found = found && domain.HoldsReal(e.home)
	}
	if err != nil {
		return err
	}
	if !found {
		return e.checkLost()
	}
	e.domain = &domain
	e.login = address.Lower(path.Base(e.home)) + "@" + domain.Name
	return nil
}

// checkLost finds out where users/cdb does not know a mailbox that it must
// know: virtualdomains sends its domain's mail to the entry of that very name, as
// vpopmail has it, and that entry is there, or the mailbox is below a .qmail-default.
// A users/cdb that is lost is no reason to say yes. Without vpopmail, ~alias may get
// such a domain's mail.
func (e *entitlement) checkLost() error {
	_, domain := qmail.SplitLogin(e.login)
	prefix, found := e.virtual.Prefix(domain)
	if domain == "" || !found || address.Lower(prefix) != domain {
		return nil
	}
	lost := fmt.Errorf("control/virtualdomains gives %s to vpopmail, but users/cdb holds no directory of it that %s is in", domain, e.home)
	if _, known, err := e.users.Domain(domain); known || err != nil {
		return cmp.Or(err, lost)
	}
	file, err := qmail.DefaultAbove(e.home)
	if err != nil || file == "" {
		return err
	}
	return fmt.Errorf("%w: it is below %s", lost, file)
}

// byDefault entitles a login for which no rule names domains.
func (e *entitlement) byDefault() error {
	_, domain, isAddress := strings.Cut(e.login, "@")
	switch {
	case e.domain != nil:
		return e.mailbox(*e.domain, true)
	case isAddress:
		e.domains = []string{domain}
	default:
		e.system = e.login
	}
	return nil
}

// byRule entitles a login to the domains of VODMR_DOMAINS.
func (e *entitlement) byRule(list string) error {
	domains, err := parseDomains(list)
	if err != nil {
		return err
	}
	for _, name := range domains {
		domain, found, err := e.users.Domain(name)
		if err != nil {
			return err
		}
		if !found {
			e.domains = append(e.domains, name)
			continue
		}
		e.domains = append(e.domains, domain.Name)
		if err := e.mailbox(domain, false); err != nil {
			return err
		}
	}
	return nil
}

// mailbox looks where a domain's catch-all leads. A mailbox that it leads to is
// entitled to the domain where entitle says so: a plain POP account may not turn
// its inbox into a queue. A catch-all by address is remembered, as mail then
// shows the wanted recipient in another line.
func (e *entitlement) mailbox(domain qmail.Domain, entitle bool) error {
	instructions, err := qmail.ReadDefault(domain.Dir)
	if err != nil {
		return err
	}
	leads, address, err := e.users.LeadsHere(domain, instructions, e.home, e.maildir)
	if err != nil || !leads {
		return err
	}
	if entitle {
		e.domains = []string{domain.Name}
	}
	if address != "" {
		return e.addCatchall(domain, address, instructions)
	}
	return nil
}

// holds says whether the login may have mail for a real domain.
func (e *entitlement) holds(domain string) bool {
	if slices.Contains(e.domains, domain) {
		return true
	}
	if e.system == "" {
		return false
	}
	prefix, found := e.virtual.Prefix(domain)
	return found && qmail.HeldPrefix(prefix, e.system)
}

// real returns the domain that an alias domain stands for, or the domain itself.
func (e *entitlement) real(domain string) string {
	if e.holds(domain) {
		return domain
	}
	entry, found, err := e.users.Domain(domain)
	if err != nil {
		e.failed = err
	}
	if !found || err != nil {
		return domain
	}
	return entry.Name
}

// claim takes ATRN's list. The reply is a refusal, or zero: one domain that the
// login may not have refuses all (RFC 2645 section 5.2.1).
func (e *entitlement) claim(domains []string) smtp.Reply {
	for _, domain := range domains {
		real := e.real(domain)
		if e.failed != nil {
			return smtp.Reply{}
		}
		if !e.holds(real) {
			return smtp.NewReply(450, "4.7.1", "this login may not have the mail of "+domain)
		}
		e.asked = append(e.asked, real)
	}
	if len(e.domains) == 0 && !e.virtual.Holds(e.system) {
		return replyNoDomain()
	}
	return smtp.Reply{}
}

func replyNoDomain() smtp.Reply {
	return smtp.NewReply(450, "4.7.1", "this login may not have the mail of any domain")
}

// known says whether it is known which login the mailbox is of.
func (e *entitlement) known() bool { return e.login != "" }

// wants says whether mail for a recipient's domain belongs to the login, and
// whether it was asked for.
func (e *entitlement) wants(domain string) (held, asked bool) {
	domain = e.real(address.Lower(domain))
	held = e.holds(domain)
	return held, held && (len(e.asked) == 0 || slices.Contains(e.asked, domain))
}

func (e *entitlement) close() { _ = e.users.Close() }

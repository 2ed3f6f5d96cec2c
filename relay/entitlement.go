package relay

import (
	"slices"
	"strings"

	"vodmr/maildir"
	"vodmr/qmail"
	"vodmr/smtp"
)

// An entitlement is which domains' mail a login may have, and of those, which
// the customer asked for. Until rules say otherwise it follows from the site's
// own files: HOME is the truth about who logged in, the login as typed is not.
type entitlement struct {
	users   *qmail.Users
	virtual *qmail.VirtualDomains

	domain   string // the one domain of a mailbox; "" for none
	system   string // a system login, which holds what virtualdomains sends it
	catchall maildir.Catchall

	asked  []string // real domains; empty for all
	failed error    // a look-up that failed
}

// entitle finds out what the login holds.
func entitle(home qmail.Home, login, dir string) (*entitlement, error) {
	users, err := home.Users()
	if err != nil {
		return nil, err
	}
	e := &entitlement{users: users}
	if e.virtual, err = home.VirtualDomains(); err != nil {
		e.close()
		return nil, err
	}
	if err = e.find(strings.ToLower(login), dir); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

func (e *entitlement) find(login, dir string) error {
	domain, found, err := e.users.Holding(dir)
	if err != nil {
		return err
	}
	_, at, isAddress := strings.Cut(login, "@")
	switch {
	case found:
		return e.mailbox(domain, dir)
	case isAddress:
		e.domain = at
	default:
		e.system = login
	}
	return nil
}

// mailbox entitles a vpopmail mailbox to its domain where the domain's
// catch-all leads to it: a plain POP account may not turn its inbox into a queue.
func (e *entitlement) mailbox(domain qmail.Domain, dir string) error {
	instructions, err := qmail.ReadDefault(domain.Dir)
	if err != nil {
		return err
	}
	leads, address, err := e.users.LeadsHere(domain, instructions, dir)
	if err != nil || !leads {
		return err
	}
	e.domain = domain.Name
	e.catchall = maildir.Catchall{Address: address, UID: domain.UID, Set: address != ""}
	return nil
}

// holds says whether the login may have mail for a real domain.
func (e *entitlement) holds(domain string) bool {
	if e.system == "" {
		return domain != "" && domain == e.domain
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
	if e.domain == "" && e.system == "" {
		return smtp.NewReply(450, "4.7.1", "this login may not have the mail of any domain")
	}
	return smtp.Reply{}
}

// wants says whether mail for a recipient's domain belongs to the login, and
// whether it was asked for.
func (e *entitlement) wants(domain string) (held, asked bool) {
	domain = e.real(strings.ToLower(domain))
	held = e.holds(domain)
	return held, held && (len(e.asked) == 0 || slices.Contains(e.asked, domain))
}

func (e *entitlement) close() { _ = e.users.Close() }

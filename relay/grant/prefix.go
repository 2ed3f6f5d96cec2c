package grant

import (
	"vodmr/internal/address"
	"vodmr/maildir"
	"vodmr/qmail"
)

// A Catchall is a domain's catch-all by address.
type Catchall struct {
	maildir.Catchall
	prefixed bool // the Delivered-To of the first delivery has virtualdomains' prefix
}

// addCatchall remembers that a domain's .qmail-default, dq, forwards to the mailbox by
// its address. Only qmail delivers such mail.
func (g *Grant) addCatchall(domain qmail.Domain, forward string, dq qmail.DotQmail) error {
	if !g.Settings.Agent.IsQmail() {
		return nil
	}
	local, name := address.Split(forward)
	prefixed, err := g.leavesPrefix(name)
	if err != nil {
		return err
	}
	if prefix, found := g.virtual.Prefix(name); prefixed && found {
		forward = prefix + "-" + local + "@" + name
	}
	g.Catchalls = append(g.Catchalls, Catchall{
		maildir.Catchall{Address: forward, UID: domain.UID, Set: true},
		dq.LeavesPrefix(g.home, g.maildir),
	})
	return nil
}

// Recipient is the address that the sender wrote. deliveredTo is the text of a
// Delivered-To: of the topmost line, or by a catch-all's first delivery. The prefix of
// virtualdomains is taken off only if the line has it: a local part may begin in the same
// way. sized says that the file's name tells its size. If it does not, vdelivermail did not
// write the file: an address may have a .qmail file of its own, which leads here by
// qmail-local. Agents other than qmail know no such prefix.
func (g *Grant) Recipient(deliveredTo string, by *Catchall, sized bool) (string, error) {
	if !g.Settings.Agent.IsQmail() {
		return deliveredTo, nil
	}
	local, domain := address.Split(deliveredTo)
	prefixed := by != nil && by.prefixed || by == nil && !sized
	if by == nil && !prefixed {
		var err error
		if prefixed, err = g.leavesPrefix(address.Lower(domain)); err != nil {
			return "", err
		}
	}
	if prefixed {
		local = g.virtual.Strip(local, domain)
	}
	return local + "@" + domain, nil
}

// leavesPrefix reports if the program that delivers a domain's mail into this mailbox
// leaves the prefix in Delivered-To. The answers are kept: each message asks.
func (g *Grant) leavesPrefix(domain string) (bool, error) {
	if leaves, known := g.prefixes[domain]; known {
		return leaves, nil
	}
	leaves, err := g.findPrefix(domain)
	if err != nil {
		return false, err
	}
	if g.prefixes == nil || len(g.prefixes) == maxPrefixes {
		g.prefixes = make(map[string]bool)
	}
	g.prefixes[domain] = leaves
	return leaves, nil
}

// maxPrefixes bounds the answers that are kept: the owner of a Maildir can write files
// for any number of domains.
const maxPrefixes = 1000

// findPrefix asks the .qmail-default of the domain, if it leads here, and otherwise that
// of the domain in which the mailbox lives. vdelivermail delivers only for domains in
// users/cdb, and to a system user's mailbox, which is in none of their directories, only
// qmail-local does. A file that cannot be read leads nowhere: another customer's may be
// closed to this one.
func (g *Grant) findPrefix(domain string) (bool, error) {
	d, found, err := g.users.Domain(domain)
	if err != nil || !found {
		return true, err
	}
	dq, err := qmail.ReadDefault(d.Dir)
	if err == nil && dq.LeadsTo(g.home, g.maildir) {
		return dq.LeavesPrefix(g.home, g.maildir), nil
	}
	if g.domain == nil {
		return true, nil
	}
	if dq, err = qmail.ReadDefault(g.domain.Dir); err != nil {
		return false, err
	}
	return dq.LeavesPrefix(g.home, g.maildir), nil
}

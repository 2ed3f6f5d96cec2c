package check

import (
	"os"
	"slices"
	"strings"
)

const (
	noLogins    kind = "doubtful | none is named, and no rule names one | name a LOGIN, so that its mailbox is looked at"
	noMailbox   kind = "wrong | has no mailbox that can be found | is the login right? make the account with vadduser, or a line in vodmr-checkpw's file"
	lookupFails kind = "wrong | cannot be looked up: ATRN gets 451 | mend what the line names"
	denied      kind = "wrong | is denied by the rules | change its line in the rules, and make rules.cdb anew"
	notListed   kind = "wrong | has no line in the rules | give it a line in the rules, and make rules.cdb anew"
	needsTLS    kind = "wrong | gets no mail without TLS, and there is none | put vodmr-tls into the run script, or take the setting away"
	holdsNone   kind = "wrong | may have the mail of no domain | let the domain's .qmail-default lead to this mailbox, or give the login VODMR_DOMAINS in the rules"
)

// checkLogins runs the checks of each login.
func checkLogins(s *site, r *report) {
	logins := s.logins()
	r.sayIf(len(logins) == 0, "logins", noLogins, "")
	if hidden(s.usersErr) && len(logins) > 0 {
		r.say("logins", cannotSee, s.usersErr.Error())
	}
	for _, m := range s.mailboxes {
		if m.found() {
			run(loginChecks(), m, r)
		} else {
			sayLost(m, r)
		}
	}
}

// sayLost says why a login's mailbox cannot be looked at.
func sayLost(m *mailbox, r *report) {
	switch {
	case m.home == "" && hidden(m.fileError):
		r.say(m.login, cannotSee, m.fileError.Error()) // the file may well name one
	case m.home == "" || missing(m.err):
		r.say(m.login, noMailbox, m.home)
	default:
		r.unreadable(m.login, m.err)
	}
}

// checkGrant looks at the answer that ATRN would get.
func checkGrant(m *mailbox, r *report) {
	switch {
	case hidden(m.grantErr) && os.Getuid() != 0:
		r.say(m.login, cannotSee, m.grantErr.Error())
	case m.grantErr != nil:
		r.say(m.login, lookupFails, m.grantErr.Error())
	case m.grant.Refusal.Code != 0:
		sayRefused(m, r)
	default:
		r.ok(m.login, "may have the mail of "+strings.Join(m.grant.Domains, ", "))
	}
	r.sayIf(m.grant.Settings.RequireTLS && m.site.service.vodmr.found && !m.site.service.tls.found, m.login, needsTLS, "VODMR_REQUIRETLS")
}

// sayRefused says why a login gets no mail. If no domain's catch-all leads to it, the
// domain's checks say the rest.
func sayRefused(m *mailbox, r *report) {
	reply := m.grant.Refusal.String()
	if m.site.rules != nil {
		rule, listed, _ := m.site.rules.For(m.grant.Login)
		if !listed {
			r.say(m.login, notListed, reply)
			return
		}
		if rule.Deny {
			r.say(m.login, denied, reply)
			return
		}
	}
	r.say(m.login, holdsNone, "ATRN gets "+reply)
}

// checkDomains runs the checks of each domain that the login may fetch, and of its own.
func checkDomains(m *mailbox, r *report) {
	names := m.grant.Domains
	if m.domain != nil && !slices.Contains(names, m.domain.Name) {
		names = append(names, m.domain.Name)
	}
	for _, name := range names {
		domain, known, err := m.site.users.Domain(name)
		if err == nil { // otherwise the check of users/cdb says it
			run(domainChecks(), &route{m.site, m, name, domain, known}, r)
		}
	}
}

package check

import answers "vodmr/relay/grant"

// This file has all that is asked of package relay/grant.

// A grant is the answer to ATRN: the domains that a login may have, or the refusal.
type grant = answers.Lookup

// lookUp asks for the login's mail as vodmr-relay would, with the rights that it has.
func (m *mailbox) lookUp() (grant, error) {
	return readAs(m.user, m.home, func() (grant, error) {
		site := answers.Site{Qmail: m.site.home, Rules: m.site.Rules}
		return answers.LookUp(site, m.login, m.home, m.site.maildir(), func(name string) string { return m.site.service.env[name] })
	})
}

// settings are the variables that vodmr-relay asks for, and the one of rules.
func settings() []string {
	names := []string{"VODMR_DOMAINS"}
	_, _ = answers.ReadSettings(func(name string) string {
		names = append(names, name)
		return ""
	})
	return names
}

// badSettings is vodmr-relay's error for variables.
func badSettings(env map[string]string) error {
	_, err := answers.ReadSettings(func(name string) string { return env[name] })
	return err
}

// parseDomains reads a list of domains as VODMR_DOMAINS has it.
func parseDomains(list string) ([]string, error) { return answers.ParseDomains(list) }

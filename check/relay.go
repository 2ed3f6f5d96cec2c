package check

import "vodmr/relay/grant"

// This file has all calls of package grant.

// lookUp asks for the login's mail as vodmr-relay would, with the rights that it has.
func (m *mailbox) lookUp() (grant.Lookup, error) {
	agent := m.site.agentSetting()
	return readAs(m.user, m.home, func() (grant.Lookup, error) {
		site := grant.Site{Qmail: m.site.home, Rules: m.site.Rules}
		env := func(name string) string {
			if name == "VODMR_MTA" {
				return agent
			}
			return m.site.service.env[name]
		}
		return grant.LookUp(site, m.login, m.home, m.site.maildir(), env)
	})
}

// settings are the variables that vodmr-relay asks for, the one of rules, and the one of
// vodmr-sendmail.
func settings() []string {
	names := []string{"VODMR_DOMAINS", "VODMR_SENDMAIL"}
	_, _ = grant.ReadSettings(func(name string) string {
		names = append(names, name)
		return ""
	})
	return names
}

// badSettings is vodmr-relay's error for variables.
func badSettings(env map[string]string) error {
	_, err := grant.ReadSettings(func(name string) string { return env[name] })
	return err
}

// parseDomains reads a list of domains as VODMR_DOMAINS has it.
func parseDomains(list string) ([]string, error) { return grant.ParseDomains(list) }

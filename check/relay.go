package check

import "vodmr/relay/grant"

// lookUp asks for the login's mail as vodmr-relay would, with the rights that it has.
func (m *mailbox) lookUp() (grant.Lookup, error) {
	env := m.site.environ(m.site.agentSetting())
	return readAs(m.user, m.home, func() (grant.Lookup, error) {
		return grant.LookUp(m.site.grantSite(), m.login, m.home, m.site.maildir(), env)
	})
}

func (s *site) grantSite() grant.Site { return grant.Site{Qmail: s.home, Rules: s.Rules} }

// environ is the service's environment, with the agent that fills the Maildirs.
func (s *site) environ(agent string) func(name string) string {
	return func(name string) string {
		if name == "VODMR_MTA" {
			return agent
		}
		return s.service.env[name]
	}
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

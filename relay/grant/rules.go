package grant

import "vodmr/qmail"

// applyRules looks the login up in rules.cdb, and reads the settings. A login that no
// rule knows is denied. A rule without VODMR_DOMAINS leaves the domains to the default.
func (g *Grant) applyRules(path string, env func(name string) string) (domains string, err error) {
	if g.Settings, err = ReadSettings(env); err != nil || path == "" {
		return "", err
	}
	if g.rules, err = stateOf(path); err != nil {
		return "", err
	}
	rule, found, err := g.rule(path)
	if err != nil {
		return "", err
	}
	if !found || rule.Deny {
		g.Refusal = replyNoDomain()
		return "", nil
	}
	get := func(name string) string { return rule.Env[name] }
	return get("VODMR_DOMAINS"), g.Settings.Apply(get)
}

// applySiteRules does the same for a program without a session: of the variables it reads
// VODMR_MTA and VODMR_BOUNCE, and a rule that denies the login only names no domains.
func (g *Grant) applySiteRules(path string, env func(name string) string) (domains string, err error) {
	if err = g.Settings.applySite(env); err != nil || path == "" || !g.Known() {
		return "", err
	}
	rule, _, err := g.rule(path)
	if err == nil {
		err = g.Settings.applySite(func(name string) string { return rule.Env[name] })
	}
	if err != nil || rule.Deny {
		return "", err
	}
	return rule.Env["VODMR_DOMAINS"], nil
}

// rule is the one that rules.cdb has for the login.
func (g *Grant) rule(path string) (rule qmail.Rule, found bool, err error) {
	rules, err := qmail.OpenRules(path)
	if err != nil {
		return rule, false, err
	}
	defer rules.Close()
	return rules.For(g.Login)
}

package check

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"vodmr/internal/address"
	"vodmr/qmail"
	"vodmr/relay/grant"
)

const (
	noRules     kind = "wrong | is not there, though the run script names it | make it with tcprules; until then ATRN gets 451"
	rulesStale  kind = "wrong | is older than its source | run make, or tcprules, and read what it says: what was changed since does not count yet"
	otherRules  kind = "wrong | has other rules than its source | run make, or tcprules, and read what it says: what the text has does not count yet"
	rulesForAll kind = "doubtful | lets in every login that has no line | end the rules with ':deny' unless this is what you want"
	badSetting  kind = "wrong | has a setting that makes no sense | correct it; until then ATRN gets 451"
	unknownName kind = "doubtful | has a setting that no program knows | correct the name, see vodmr-relay(8)"
	onlyByRule  kind = "doubtful | sets what counts in rules.cdb only | write it into the rules: from elsewhere it does not count"
	upperKey    kind = "wrong | has a key that no login can match | write the key in lower case"
)

// checkRules looks at rules.cdb as a whole.
func checkRules(s *site, r *report) {
	before := r.faults()
	if s.Rules == "" || !readableRules(s, r) {
		return
	}
	checkSource(s, r)
	err := s.rules.Each(func(key string, rule qmail.Rule) {
		checkRule(r, s.Rules+" "+cmp.Or(key, "(everybody)"), key, rule)
	})
	if r.failed(err, s.Rules, damaged) {
		return
	}
	everybody, found, err := s.rules.For("")
	r.sayIf(err == nil && found && !everybody.Deny, s.Rules, rulesForAll, "")
	if r.faults() == before {
		r.ok(s.Rules, "is as new as its source, and its settings make sense")
	}
}

// readableRules reports if rules.cdb could be opened, and says why not.
func readableRules(s *site, r *report) bool {
	_, err := stat(s.Rules)
	r.sayIf(missing(err), s.Rules, noRules, "")
	if missing(err) || !r.canRead(s.Rules, s.Rules, s.readers()...) {
		return false
	}
	return !r.unopened(s.Rules, s.rulesErr)
}

// checkSource looks at the text of the rules if it was changed: make refuses a key with a
// capital letter, and leaves rules.cdb as it was.
func checkSource(s *site, r *report) {
	for _, rule := range checkStale(r, s.Rules, s.rules) {
		r.sayIf(rule.key != address.Lower(rule.key), strings.TrimSuffix(s.Rules, ".cdb")+" "+rule.key, upperKey, "")
	}
}

// checkRule looks at one rule.
func checkRule(r *report, subject, key string, rule qmail.Rule) {
	r.sayIf(key != address.Lower(key), subject, upperKey, "")
	checkSettings(r, subject, rule.Env)
	list := rule.Env["VODMR_DOMAINS"]
	_, err := grant.ParseDomains(list)
	r.sayIf(err != nil && list != "", subject, badSetting, "VODMR_DOMAINS="+list)
}

// checkSettings looks at variables as vodmr-relay would.
func checkSettings(r *report, subject string, env map[string]string) {
	_, err := grant.ReadSettings(func(name string) string { return env[name] })
	r.failed(err, subject, badSetting)
	for _, name := range slices.Sorted(maps.Keys(env)) {
		r.sayIf(strings.HasPrefix(name, "VODMR_") && !slices.Contains(settings(), name), subject, unknownName, name)
	}
}

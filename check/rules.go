package check

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"vodmr/qmail"
	"vodmr/relay/grant"
)

const (
	noRules     diagnosis = "is not there, though the run script names it"
	rulesStale  diagnosis = "is older than its source"
	otherRules  diagnosis = "has other rules than its source"
	rulesForAll diagnosis = "lets in every login that has no line"
	badSetting  diagnosis = "has a setting that makes no sense"
	unknownName diagnosis = "has a setting that no program knows"
	onlyByRule  diagnosis = "sets what counts in rules.cdb only"
	upperKey    diagnosis = "has a key that no login can match"
)

// settings are the variables that vodmr-relay asks for, and the one of rules.
func settings() []string {
	names := []string{"VODMR_DOMAINS"}
	_, _ = grant.ReadSettings(func(name string) string {
		names = append(names, name)
		return ""
	})
	return names
}

// checkRules looks at rules.cdb as a whole.
func (d *doctor) checkRules() {
	if d.Rules == "" {
		return
	}
	before := len(d.findings)
	rules := d.openRules()
	if rules == nil {
		return
	}
	defer rules.Close()
	d.checkSource(rules)
	d.checkWritable(d.Rules)
	err := rules.Each(d.checkRule)
	if err != nil {
		d.say(d.Rules, damaged, err.Error())
		return
	}
	if everybody, found, err := rules.For(""); err == nil && found && !everybody.Deny {
		d.say(d.Rules, rulesForAll, "")
	}
	if len(d.findings) == before {
		d.fine(d.Rules, "is as new as its source, and its settings make sense")
	}
}

// rules opens rules.cdb.
func (d *doctor) rules() (*qmail.Rules, error) {
	return openRules(d.Rules)
}

// openRules opens rules.cdb, or reports why not.
func (d *doctor) openRules() *qmail.Rules {
	if _, err := stat(d.Rules); missing(err) {
		d.say(d.Rules, noRules, "")
		return nil
	}
	if !d.openForAll(d.Rules, d.Rules) {
		return nil
	}
	rules, err := d.rules()
	switch {
	case errors.Is(err, qmail.ErrDamaged):
		d.say(d.Rules, damaged, err.Error())
	case err != nil:
		d.unreadable(d.Rules, err)
	}
	return rules
}

// checkSource looks at the text of the rules if it was changed: make refuses a key with a
// capital letter, and leaves rules.cdb as it was.
func (d *doctor) checkSource(rules *qmail.Rules) {
	for _, r := range d.checkStale(d.Rules, rules) {
		if r.key != qmail.Lower(r.key) {
			d.say(strings.TrimSuffix(d.Rules, ".cdb")+" "+r.key, upperKey, "")
		}
	}
}

// checkWritable looks for a file that decides who may fetch and is open to others.
func (d *doctor) checkWritable(path string) {
	if s, err := stat(path); err == nil && loosens(s) {
		d.say(path, loose, s.mode.String())
	}
}

// checkRule looks at one rule.
func (d *doctor) checkRule(key string, rule qmail.Rule) error {
	subject := d.Rules + " " + first(key, "(everybody)")
	if key != qmail.Lower(key) {
		d.say(subject, upperKey, "")
	}
	d.checkSettings(subject, rule.Env)
	if list := rule.Env["VODMR_DOMAINS"]; list != "" {
		if _, err := grant.ParseDomains(list); err != nil {
			d.say(subject, badSetting, "VODMR_DOMAINS="+list)
		}
	}
	return nil
}

// checkSettings looks at variables as vodmr-relay would.
func (d *doctor) checkSettings(subject string, env map[string]string) {
	if _, err := grant.ReadSettings(func(name string) string { return env[name] }); err != nil {
		d.say(subject, badSetting, err.Error())
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if strings.HasPrefix(name, "VODMR_") && !slices.Contains(settings(), name) {
			d.say(subject, unknownName, name)
		}
	}
}

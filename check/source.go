package check

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"vodmr/qmail"
)

// A sourceRule is a line that tcprules would compile.
type sourceRule struct {
	key  string
	rule qmail.Rule
}

// parseRules reads the text of rules, see tcprules(1). whole is false if a line could not
// be read, such as one with a range of addresses.
func parseRules(text string) (list []sourceRule, whole bool) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\n")
		if line == "" || line[0] == '#' {
			continue
		}
		key, rest, found := strings.Cut(line, ":")
		if !found {
			continue // tcprules passes it over, too
		}
		rule, ok := parseInstruction(rest)
		if !ok || strings.Contains(key, "-") && !strings.ContainsAny(key, "@=") {
			return nil, false
		}
		list = append(list, sourceRule{key, rule})
	}
	return list, true
}

// parseInstruction reads `allow' or `deny' with settings: a comma, a name, an equals
// sign, and a value between two equal characters, for each.
func parseInstruction(text string) (rule qmail.Rule, ok bool) {
	rule.Env = map[string]string{}
	rest, allow := strings.CutPrefix(text, "allow")
	if !allow {
		if rest, rule.Deny = strings.CutPrefix(text, "deny"); !rule.Deny {
			return rule, false
		}
	}
	for rest != "" {
		name, value, found := strings.Cut(rest, "=")
		if name, ok = strings.CutPrefix(name, ","); !ok || !found || value == "" {
			return rule, false
		}
		end := strings.IndexByte(value[1:], value[0])
		if end < 0 {
			return rule, false
		}
		rule.Env[name], rest = value[1:end+1], value[end+2:]
	}
	return rule, true
}

func (a sourceRule) same(b sourceRule) bool {
	return a.key == b.key && a.rule.Deny == b.rule.Deny && maps.Equal(a.rule.Env, b.rule.Env)
}

// checkStale compares a cdb with the text beside it: their contents if the text can be
// read, otherwise their times. If they differ it returns the text's rules.
func checkStale(r *report, cdb string, rules *qmail.Rules) (changed []sourceRule) {
	source, ok := strings.CutSuffix(cdb, ".cdb")
	if !ok {
		return nil
	}
	text, err := readText(ids{}, source)
	if err != nil {
		return nil // nobody needs it
	}
	want, whole := parseRules(string(text))
	if whole && holds(rules, want) || !whole && !older(cdb, source) {
		return nil
	}
	if older(cdb, source) {
		r.say(cdb, rulesStale, filepath.Base(source))
	} else {
		r.say(cdb, otherRules, filepath.Base(source))
	}
	return want
}

// holds reports if a cdb has these rules and no others. If it cannot be read, another
// check says so.
func holds(rules *qmail.Rules, want []sourceRule) bool {
	var made []sourceRule
	err := rules.Each(func(key string, rule qmail.Rule) { made = append(made, sourceRule{key, rule}) })
	return err != nil || slices.EqualFunc(want, made, sourceRule.same)
}

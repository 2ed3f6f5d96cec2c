package check

import (
	"cmp"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"vodmr/internal/nets"
)

const clearLogins kind = "doubtful | takes logins without TLS, though others can listen to them and to the mail behind them | have these customers use TLS, then give vodmr -T; without TLS, do part 5 of INSTALL, which sets it up"

// checkClear tells which logins still come without TLS: by the log, which says tls=yes of
// all others.
func checkClear(s *site, r *report) {
	if !s.service.vodmr.found {
		return
	}
	const subject = "logins"
	if s.service.vodmr.needTLS {
		text := "need TLS"
		if trusts := s.service.vodmr.trusts; trusts != "" {
			text += ", but from " + trusts
		}
		r.ok(subject, text)
		return
	}
	lines, err := s.loginLines()
	names := clearIn(lines, s.service.vodmr.trusts)
	switch {
	case err != nil && len(lines) == 0:
		r.say(subject, clearLogins, "no log can be read here; by the rules: "+cmp.Or(strings.Join(s.logins(), ", "), "none"))
	case len(names) == 0:
		r.say(subject, clearLogins, "none in the log")
	default:
		r.say(subject, clearLogins, "in the log: "+strings.Join(names, ", "))
	}
}

// loginLines are vodmr's lines about logins: from the log's folder, oldest first, or from
// the journal.
func (s *site) loginLines() (lines []string, err error) {
	files, _ := filepath.Glob(filepath.Join(s.Dir, "log/main/@*")) // their names are dates
	files = append(files, filepath.Join(s.Dir, "log/main/current"))
	for _, path := range files {
		text, readErr := readText(ids{}, path)
		if err = readErr; err == nil {
			lines = append(lines, loginsOf(string(text))...)
		}
	}
	if len(lines) > 0 || err == nil {
		return lines, nil
	}
	run, toolErr := s.tool("journalctl", "-q", "-o", "cat", "-t", "vodmr", "-n", "100000")
	if toolErr != nil || run.code != 0 {
		return nil, cmp.Or(toolErr, errors.New("journalctl failed"))
	}
	return loginsOf(run.out), nil
}

// loginsOf picks those lines from a log.
func loginsOf(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if strings.Contains(line, "vodmr: ") && strings.Contains(line, " login user=") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// clearIn returns the logins whose last login had no TLS, with its mechanism, unless it came
// from a network that needs none.
func clearIn(lines []string, trusts string) []string {
	trusted, _ := nets.Parse(trusts)
	last := map[string]string{}
	for _, line := range lines {
		words := strings.Fields(line[strings.Index(line, " login user="):])
		key := map[string]string{}
		for _, word := range words[1:] {
			name, value, _ := strings.Cut(word, "=")
			key[name] = value
		}
		last[key["user"]] = key["mechanism"]
		if key["tls"] == "yes" || trusted.Contain(key["ip"]) {
			last[key["user"]] = ""
		}
	}
	var names []string
	for _, user := range slices.Sorted(maps.Keys(last)) {
		if last[user] != "" {
			names = append(names, user+" by "+last[user])
		}
	}
	return names
}

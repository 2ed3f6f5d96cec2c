package fetch

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The labels are quoted, damaged lines of an earlier file are passed over, and a session
// that is under way when the file is written counts once.
func TestMetricsFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "atrn.prom")
	earlier := "atrn_visits_total{provider=\"p\"} 41\natrn_messages_total{} many\natrn_bytes_total{} -5\natrn_standing{} 1\natrn_refused_total 7\nrubbish"
	if err := os.WriteFile(file, []byte(earlier), 0o600); err != nil {
		t.Fatal(err)
	}
	m := &Metrics{File: file, Provider: "a\"b\\c\n\xff", Login: "u", Warn: func(err error) { t.Error(err) }}
	tally := &Tally{}
	stop := m.Watch(tally)
	tally.turn()
	tally.accepted(100, 1)
	tally.refuse(refusals{Refused: 2, Reason: "550 no"})
	stop(errors.New("broken"))
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const labels = `{provider="a\"b\\c\n?",login="u"} `
	for name, want := range map[string]string{
		"atrn_visits_total": "42", "atrn_failures_total": "1", "atrn_messages_total": "1", "atrn_bytes_total": "100",
		"atrn_refused_total": "2", "atrn_exit_code": "111", "atrn_standing": "0",
	} {
		if line := "\n" + name + labels + want + "\n"; !strings.Contains(string(text), line) {
			t.Errorf("%q is missing in\n%s", line, text)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info, err)
	}
}

// One warning for a row of failures.
func TestMetricsWarnOnce(t *testing.T) {
	t.Parallel()
	folder, warnings := filepath.Join(t.TempDir(), "later"), 0
	m := &Metrics{File: filepath.Join(folder, "atrn.prom"), Warn: func(error) { warnings++ }}
	m.Watch(&Tally{})(nil)
	m.Watch(&Tally{})(nil)
	if warnings != 1 {
		t.Errorf("%d warnings", warnings)
	}
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	m.Watch(&Tally{})(nil)
	if _, err := os.Stat(m.File); err != nil || warnings != 1 {
		t.Errorf("%v, %d warnings", err, warnings)
	}
	(*Metrics)(nil).Watch(&Tally{})(nil)
}

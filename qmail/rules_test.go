package qmail

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func rules(t *testing.T, content string) *Rules {
	t.Helper()
	r, err := OpenRules(writeFile(t, t.TempDir(), "rules.cdb", content))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func setting(name, value string) *Rule { return &Rule{Env: map[string]string{name: value}} }

func TestRulesOfTcprules(t *testing.T) {
	r := rules(t, readFixture(t, "rules.cdb"))
	tests := []struct {
		login string
		want  *Rule // nil: not found
	}{
		{"odmr@example.org", setting("VODMR_DOMAINS", "example.org,my-site.com")},
		{"ODMR@Example.ORG", setting("VODMR_DOMAINS", "example.org,my-site.com")},
		{"anybody@corp-x.net", setting("VODMR_DOMAINS", "corp-x.net")},
		{"a@b@corp-x.net", setting("VODMR_DOMAINS", "corp-x.net")},
		{"evil@example.org", &Rule{Deny: true, Env: map[string]string{}}},
		{"evil%example.org", &Rule{Deny: true, Env: map[string]string{}}}, // vchkpw takes it for an @
		{"evil/example.org", &Rule{Deny: true, Env: map[string]string{}}},
		{"plain@example.org", &Rule{Env: map[string]string{}}},
		{"none@example.org", nil},
		{"odmr", nil},
		{"", nil},
	}
	for _, tt := range tests {
		got, found, err := r.For(tt.login)
		if err != nil || found != (tt.want != nil) {
			t.Errorf("%q: found %v, %v", tt.login, found, err)
		} else if found && !cmp.Equal(*tt.want, got) {
			t.Errorf("%q: %s", tt.login, cmp.Diff(*tt.want, got))
		}
	}
}

func TestRulesInOrder(t *testing.T) {
	r := rules(t, makeCDB([]record{
		{"", "D\x00"}, {"@d.example", "+A=1\x00+B=x=y\x00+A=2\x00+C=\x00"}, {"u@d.example", "D\x00+A=3\x00"},
	}))
	tests := []struct {
		login string
		want  Rule
	}{
		{"u@d.example", Rule{true, map[string]string{"A": "3"}}},
		{"v@d.example", Rule{false, map[string]string{"A": "2", "B": "x=y", "C": ""}}},
		{"v@e.example", Rule{true, map[string]string{}}},
		{"v", Rule{true, map[string]string{}}},
	}
	for _, tt := range tests {
		if got, found, err := r.For(tt.login); !found || err != nil || !cmp.Equal(tt.want, got) {
			t.Errorf("%q: %+v, %v, %v", tt.login, got, found, err)
		}
	}
}

func TestBadRule(t *testing.T) {
	for _, value := range []string{"D", "X\x00", "+A=1", "+A\x00", "+=1\x00", "A=1\x00", "\x00", "DD\x00", "D\x00+A=1"} {
		rule, found, err := rules(t, makeCDB([]record{{"u", value}})).For("u")
		if found || !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "rules.cdb") {
			t.Errorf("%q: %+v, %v, %v", value, rule, found, err)
		}
	}
	if _, err := OpenRules(t.TempDir() + "/none"); err == nil {
		t.Error("absent rules opened")
	}
}

package grant

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vodmr/maildir"
)

const grantSite = `-- qmail/users/assign --
+example.org-:example.org:1500:1500:$ROOT/domain:-::
+alias.example-:example.org:1500:1500:$ROOT/domain:-::
.
-- qmail/control/virtualdomains --
example.org:example.org
alias.example:example.org
plain.example:vq
other.example:vq-other
-- domain/.qmail-default --
| vdelivermail '' $ROOT/domain/odmr
-- rules --
odmr@example.org:allow
list@example.org:allow,VODMR_DOMAINS="a.example,alias.example"
wrong@example.org:allow,VODMR_DOMAINS="no..domain"
eve@example.org:deny,VODMR_DOMAINS="a.example"
vq:allow
`

func noEnv(string) string { return "" }

// TestRestrict: a list narrows what is wanted, and one domain of another refuses all.
func TestRestrict(t *testing.T) {
	s := newSite(t, grantSite)
	for _, test := range []struct {
		login, home, list string
		refused           string // a part of the reply
		asked, held       string // recipients that are asked for, and only held
		others            string
	}{
		{"odmr@example.org", "/domain/odmr", "", "", "a@example.org b@Alias.Example", "", "a@plain.example"},
		{"odmr@example.org", "/domain/odmr", "alias.example", "", "a@example.org", "", "a@a.example"},
		{"odmr@example.org", "/domain/odmr", "example.org plain.example", "plain.example", "", "", ""},
		{"list@example.org", "/domain/list", "", "", "x@a.example x@example.org", "", "x@b.example"},
		{"list@example.org", "/domain/list", "a.example", "", "x@a.example", "x@example.org", "x@b.example"},
		{"vq", "/vq", "plain.example", "", "x@plain.example", "x@other.example", "x@example.org"},
	} {
		g, err := For(s.Site, test.login, s.root+test.home, "Maildir", noEnv)
		if err != nil {
			t.Fatalf("%s: %v", test.login, err)
		}
		reply, err := g.Restrict(strings.Fields(test.list))
		if err != nil || (reply.Code != 0) != (test.refused != "") || !strings.Contains(reply.String(), test.refused) {
			t.Errorf("%s, %q: %v, %v", test.login, test.list, reply, err)
		}
		for recipients, want := range map[string][2]bool{test.asked: {true, true}, test.held: {true, false}, test.others: {}} {
			for _, r := range strings.Fields(recipients) {
				held, asked, err := g.Wants(r)
				if diff := cmp.Diff(want, [2]bool{held, asked}); diff != "" || err != nil {
					t.Errorf("%s, %q: %s: %v%s", test.login, test.list, r, err, diff)
				}
			}
		}
		g.Close()
	}
}

// TestHeldByRule: a program of the administrator's sees a rule's domains, but for those
// of a rule that denies the login.
func TestHeldByRule(t *testing.T) {
	s := newSite(t, grantSite)
	for _, test := range []struct{ login, domains, trouble string }{
		{"odmr@example.org", "example.org", ""},
		{"list@example.org", "a.example example.org", ""},
		{"eve@example.org", "", ""},
		{"wrong@example.org", "", "a domain has letters"},
	} {
		name, _, _ := strings.Cut(test.login, "@")
		g, err := Held(s.Site, test.login, s.root+"/domain/"+name, "Maildir", func(string) string { return "" })
		if test.trouble != "" {
			if err == nil || !strings.Contains(err.Error(), test.trouble) {
				t.Errorf("%s: error %v, want one about %s", test.login, err, test.trouble)
			}
			continue
		}
		if err != nil || !g.Known() || strings.Join(g.All(), " ") != test.domains {
			t.Errorf("%s: %v, %v", test.login, g, err)
			continue
		}
		g.Close()
	}
	s.Rules = s.root + "/missing.cdb"
	if _, err := Held(s.Site, "odmr@example.org", s.root+"/domain/odmr", "Maildir", func(string) string { return "" }); err == nil {
		t.Error("rules that are missing give domains")
	}
}

// TestSettings: each variable is read, and a value that makes no sense is an error with
// the variable's name.
func TestSettings(t *testing.T) {
	got, err := ReadSettings(func(name string) string {
		return map[string]string{"VODMR_SOFTBOUNCE": "1", "VODMR_REQUIRETLS": "0", "VODMR_WINDOW": "5000", "VODMR_INTERVAL": "30",
			"VODMR_IDLE": "60", "VODMR_NOOP": "5", "VODMR_IGNORE": "chunking, SIZE", "VODMR_MTA": "exim", "VODMR_BOUNCE": "customer"}[name]
	})
	want := StandardSettings()
	want.SoftBounce, want.Window, want.Interval = true, 1000, 30*time.Second
	want.Idle, want.Noop, want.Ignore = time.Minute, 5*time.Second, []string{"chunking", "SIZE"}
	want.Agent, want.TellCustomer = got.Agent, true
	sameAgent := cmp.Comparer(func(a, b maildir.Agent) bool { return a.Name() == b.Name() })
	if got.Agent.Name() != "exim" {
		t.Errorf("VODMR_MTA is %s", got.Agent.Name())
	}
	if diff := cmp.Diff(want, got, sameAgent); diff != "" || err != nil || !got.Standing() {
		t.Errorf("%v\n%s", err, diff)
	}
	for name, value := range map[string]string{
		"VODMR_MTA": "sendmail", "VODMR_BOUNCE": "nobody",
		"VODMR_SOFTBOUNCE": "yes", "VODMR_REQUIRETLS": "2", "VODMR_WINDOW": "0", "VODMR_INTERVAL": "-1",
		"VODMR_IDLE": "2678401", "VODMR_NOOP": "0", "VODMR_IGNORE": "PIPELINE",
	} {
		_, err := ReadSettings(func(n string) string { return map[string]string{name: value}[n] })
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%s: error %v", name, value, err)
		}
	}
}

// TestBadSettings: a value that makes no sense is an error that names the setting.
func TestBadSettings(t *testing.T) {
	for name, value := range map[string]string{
		"VODMR_SOFTBOUNCE": "yes", "VODMR_REQUIRETLS": "2", "VODMR_WINDOW": "0", "VODMR_INTERVAL": "1h",
		"VODMR_IDLE": "-1", "VODMR_NOOP": "0", "VODMR_IGNORE": "NO SUCH", "VODMR_ASK": "many", "VODMR_DOOR": "door",
		"VODMR_MTA": "sendmail", "VODMR_BOUNCE": "nobody",
	} {
		var s Settings
		err := s.Apply(func(asked string) string { return map[string]string{name: value}[asked] })
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
}

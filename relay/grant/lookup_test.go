package grant

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const lookupSite = `-- qmail/users/assign --
+example.org-:example.org:1500:1500:$ROOT/domain:-::
.
-- qmail/control/virtualdomains --
example.org:example.org
plain.example:vq
other.example:vq-other
-- domain/.qmail-default --
| vdelivermail '' $ROOT/domain/odmr
-- rules --
odmr@example.org:allow,VODMR_WINDOW="7"
@plain.example:allow,VODMR_WINDOW="5000"
eve@example.org:deny
bad@example.org:allow,VODMR_INTERVAL="soon"
vq:allow
`

// TestLookUp: a look-up says the same as ATRN does with the same files.
func TestLookUp(t *testing.T) {
	s := newSite(t, lookupSite)
	for _, test := range []struct {
		login, home, domains, refused, trouble string
		window                                 int
	}{
		{login: "Odmr@example.org", home: "/domain/odmr", domains: "example.org", window: 7},
		{login: "ann@plain.example", home: "/ann", domains: "plain.example", window: 1000},
		{login: "vq", home: "/vq", domains: "other.example plain.example", window: 100},
		{login: "eve@example.org", home: "/domain/eve", refused: "450", window: 100},
		{login: "nobody", home: "/nobody", refused: "450", window: 100},
		{login: "bad@example.org", home: "/domain/bad", trouble: "VODMR_INTERVAL", window: 100},
		{login: "odmr@example.org", home: "/elsewhere", trouble: "users/cdb"},
	} {
		found, err := LookUp(s.Site, test.login, s.root+test.home, "Maildir", func(string) string { return "" })
		if test.trouble != "" {
			if err == nil || !strings.Contains(err.Error(), test.trouble) {
				t.Errorf("%s: error %v, want one about %s", test.login, err, test.trouble)
			}
			continue
		}
		if err != nil || !strings.HasPrefix(found.Refusal.String(), test.refused) || (found.Refusal.Code != 0) != (test.refused != "") {
			t.Errorf("%s: refusal %v, error %v", test.login, found.Refusal, err)
		}
		got := []any{strings.Join(found.Domains, " "), found.Settings.Window}
		if diff := cmp.Diff([]any{test.domains, test.window}, got); diff != "" {
			t.Errorf("%s: %s", test.login, diff)
		}
	}
}

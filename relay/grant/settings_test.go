package grant

import (
	"testing"

	"vodmr/qmail"
	"vodmr/test/kit/require"
)

// A program without a session knows the mail server and who is told, from outside or from the
// login's rule, which counts more.
func TestHeldReadsTheSite(t *testing.T) {
	s := newSite(t, "-- rules --\nodmr@example.org:allow,VODMR_MTA=\"exim\",VODMR_BOUNCE=\"sender\"\nbad@example.org:allow,VODMR_MTA=\"x\"\n:deny\n")
	env := map[string]string{"VODMR_MTA": "postfix", "VODMR_BOUNCE": "customer", "VODMR_WINDOW": "no number"}
	for login, want := range map[string]struct {
		agent string
		tell  bool
	}{
		"odmr@example.org":  {"exim", false},
		"other@example.org": {"postfix", true},
		"":                  {"postfix", true},
	} {
		g, err := Held(s.Site, login, s.root+"/home", "Maildir", func(name string) string { return env[name] })
		require.OK(t, err)
		if got := g.Settings; got.Agent.Name() != want.agent || got.TellCustomer != want.tell {
			t.Errorf("%q: %+v", login, got)
		}
		g.Close()
	}
	if _, err := Held(s.Site, "bad@example.org", s.root+"/home", "Maildir", func(string) string { return "" }); err == nil {
		t.Error("an unknown mail server in a rule is no error")
	}
	if _, err := Held(Site{Qmail: qmail.OpenHome(s.root)}, "a@b.example", s.root, "Maildir", func(string) string { return "postmaster" }); err == nil {
		t.Error("an unknown mail server from outside is no error")
	}
}

// Only qmail puts the prefix of virtualdomains before a recipient.
func TestPrefixIsQmails(t *testing.T) {
	s := newSite(t, "-- qmail/control/virtualdomains --\nexample.org:vq\n")
	for mta, want := range map[string]string{"": "bob@example.org", "qmail": "bob@example.org", "postfix": "vq-bob@example.org"} {
		g, err := For(s.Site, "odmr@example.org", s.root+"/home", "Maildir", func(name string) string {
			return map[string]string{"VODMR_MTA": mta}[name]
		})
		require.OK(t, err)
		if got, err := g.Recipient("vq-bob@example.org", nil, true); err != nil || got != want {
			t.Errorf("%q: %s, %v; want %s", mta, got, err, want)
		}
		g.Close()
	}
}

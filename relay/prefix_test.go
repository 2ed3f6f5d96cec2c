package relay

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vodmr/qmail"
)

// TestRecipientIsWhatTheSenderWrote: whatever the local part is, and whoever delivers:
// qmail-local leaves the prefix of virtualdomains in front of it, vdelivermail does not.
func TestRecipientIsWhatTheSenderWrote(t *testing.T) {
	const vdelivermail, mail = "| /home/vpopmail/bin/vdelivermail '' ", "odmr/Maildir/\n"
	for _, test := range []struct {
		name, instructions, domain string
		top, first                 string // the prefix in the topmost line, and in that of the first delivery
	}{
		{"by folder", vdelivermail + "$ROOT/domain/odmr\n", "example.org", "", ""},
		{"by folder, an alias domain", vdelivermail + "$ROOT/domain/odmr\n", "alias.example", "", ""},
		{"by address", vdelivermail + "odmr@example.org\n", "example.org", "", ""},
		{"qmail-local", "./" + mail, "example.org", "example.org-", ""},
		{"qmail-local, by its whole path", "$ROOT/domain/" + mail, "example.org", "example.org-", ""},
		{"qmail-local, after vdelivermail", vdelivermail + "delete\n./" + mail, "example.org", "example.org-", ""},
		{"qmail-local, by address", "&odmr@example.org\n", "example.org", "example.org-", "example.org-"},
		{"a domain of qmail alone", vdelivermail + "$ROOT/domain/odmr\n", "plain.example", "vq-", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, standardSite(t))
			s.write(t, "qmail/control/virtualdomains", "example.org:example.org\nalias.example:alias.example\nplain.example:vq\n")
			s.write(t, "domain/.qmail-default", strings.ReplaceAll(test.instructions, "$ROOT", s.root))
			e := s.mailbox(t).session.entitled
			rapid.Check(t, func(t *rapid.T) {
				local := rapid.OneOf(
					rapid.SampledFrom([]string{"bob", "example.org-bob", "vq-bob", "example.org-", "vq-vq-", "-", "a@b", "Example.Org-example.org-x"}),
					rapid.StringN(1, 10, 30)).Draw(t, "local")
				want := local + "@" + test.domain
				got, err := e.recipient(test.top+want, nil)
				if err != nil || got != want {
					t.Fatalf("the topmost line: %q, %v; want %q", got, err, want)
				}
				if len(e.catchalls) == 0 {
					return
				}
				by := &e.catchalls[0]
				if got, err = e.recipient(test.first+want, by); err != nil || got != want {
					t.Fatalf("the line of the first delivery: %q, %v; want %q", got, err, want)
				}
				if own := test.top + "odmr@example.org"; by.Address != own {
					t.Fatalf("the mailbox's own address is %q, want %q", by.Address, own)
				}
			})
			if byAddress := strings.Contains(test.instructions, "odmr@"); byAddress != (len(e.catchalls) == 1) {
				t.Errorf("%d catch-alls by address", len(e.catchalls))
			}
		})
	}
}

// TestPrefixesAreBounded: files for any number of domains cost no memory without end,
// and another customer's .qmail-default that cannot be read blocks nothing.
func TestPrefixesAreBounded(t *testing.T) {
	s := newSite(t, standardSite(t))
	e := s.mailbox(t).session.entitled
	for i := range 3 * maxPrefixes {
		if _, err := e.recipient(fmt.Sprintf("bob@d%d.example", i), nil); err != nil {
			t.Fatal(err)
		}
	}
	if len(e.prefixes) > maxPrefixes {
		t.Errorf("%d answers are kept", len(e.prefixes))
	}
	s.write(t, "qmail/users/assign", "+example.org-:example.org:89:89:"+s.root+"/domain:-::\n+closed.example-:closed.example:89:89:"+s.root+"/domain/.qmail-default:-::\n")
	e = s.mailbox(t).session.entitled
	if _, err := qmail.ReadDefault(s.root + "/domain/.qmail-default"); err == nil {
		t.Fatal("that can be read")
	}
	if got, err := e.recipient("bob@closed.example", nil); err != nil || got != "bob@closed.example" {
		t.Errorf("%q, %v", got, err)
	}
}

package grant

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vodmr/maildir"
	"vodmr/qmail"
)

const odmrSite = `-- qmail/users/assign --
+example.org-:example.org:89:89:$ROOT/domain:-::
+alias.example-:example.org:89:89:$ROOT/domain:-::
.
-- qmail/control/virtualdomains --
example.org:example.org
alias.example:alias.example
-- domain/.qmail-default --
| /home/vpopmail/bin/vdelivermail '' $ROOT/domain/odmr
-- domain/odmr/Maildir/.keep --
`

// TestRecipientIsWhatTheSenderWrote: whatever the local part is, and by any deliverer:
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
			s := newSite(t, odmrSite)
			s.write(t, "qmail/control/virtualdomains", "example.org:example.org\nalias.example:alias.example\nplain.example:vq\n")
			s.write(t, "domain/.qmail-default", strings.ReplaceAll(test.instructions, "$ROOT", s.root))
			g := s.odmr(t)
			rapid.Check(t, func(t *rapid.T) {
				local := rapid.OneOf(
					rapid.SampledFrom([]string{"bob", "example.org-bob", "vq-bob", "example.org-", "vq-vq-", "-", "a@b", "Example.Org-example.org-x"}),
					rapid.StringN(1, 10, 30)).Draw(t, "local")
				want := local + "@" + test.domain
				got, err := g.Recipient(test.top+want, nil, true)
				if err != nil || got != want {
					t.Fatalf("the topmost line: %q, %v; want %q", got, err, want)
				}
				if len(g.Catchalls) == 0 {
					return
				}
				by := &g.Catchalls[0]
				if got, err = g.Recipient(test.first+want, by, true); err != nil || got != want {
					t.Fatalf("the line of the first delivery: %q, %v; want %q", got, err, want)
				}
				if own := test.top + "odmr@example.org"; by.Address != own {
					t.Fatalf("the mailbox's own address is %q, want %q", by.Address, own)
				}
			})
			if byAddress := strings.Contains(test.instructions, "odmr@"); byAddress != (len(g.Catchalls) == 1) {
				t.Errorf("%d catch-alls by address", len(g.Catchalls))
			}
		})
	}
}

// TestAddressWithQmailFile: an address of a domain of vpopmail's can have a .qmail file, such as
// .qmail-someone, that leads to the catch-all's Maildir. Then qmail-local wrote the line, and
// the file's name does not tell a size.
func TestAddressWithQmailFile(t *testing.T) {
	g := newSite(t, odmrSite).odmr(t)
	for _, test := range []struct {
		name, line, want string
	}{
		{"1795943727.580.mail.example.net", "example.org-someone@example.org", "someone@example.org"},
		{"1795943727.580.mail.example.net", "someone@example.org", "someone@example.org"},
		{"1795943727.580.mail.example.net,S=314", "example.org-someone@example.org", "example.org-someone@example.org"},
		{"1795943727.580.mail.example.net,S=314:2,S", "someone@example.org", "someone@example.org"},
	} {
		got, err := g.Recipient(test.line, nil, maildir.Entry{Name: test.name}.TellsSize())
		if err != nil || got != test.want {
			t.Errorf("%s, %s: %q, %v; want %q", test.name, test.line, got, err, test.want)
		}
	}
}

// TestPrefixesAreBounded: files for any number of domains cost no memory without end,
// and another customer's .qmail-default that cannot be read blocks nothing.
func TestPrefixesAreBounded(t *testing.T) {
	s := newSite(t, odmrSite)
	g := s.odmr(t)
	for i := range 3 * maxPrefixes {
		if _, err := g.Recipient(fmt.Sprintf("bob@d%d.example", i), nil, true); err != nil {
			t.Fatal(err)
		}
	}
	if len(g.prefixes) > maxPrefixes {
		t.Errorf("%d answers are kept", len(g.prefixes))
	}
	s.write(t, "qmail/users/assign", "+example.org-:example.org:89:89:"+s.root+"/domain:-::\n+closed.example-:closed.example:89:89:"+s.root+"/domain/.qmail-default:-::\n")
	g = s.odmr(t)
	if _, err := qmail.ReadDefault(s.root + "/domain/.qmail-default"); err == nil {
		t.Fatal("that can be read")
	}
	if got, err := g.Recipient("bob@closed.example", nil, true); err != nil || got != "bob@closed.example" {
		t.Errorf("%q, %v", got, err)
	}
}

package integration

import (
	"path/filepath"
	"strings"
	"testing"

	"vodmr/test/kit/mtafront"
)

// skipReasons are words of what the log must say about files that do not tell their
// recipient, by the front's ID: the setting that mends it.
var skipReasons = map[string]string{
	"exim-batch":       "batch_max = 1",
	"dovecot-together": "lmtp_destination_recipient_limit = 1",
}

// A front that writes one envelope for several recipients, or none, cannot tell vodmr the
// recipient of a message. It stays, the log says once what to set, and other mail arrives.
func TestCarelessFronts(t *testing.T) {
	t.Parallel()
	for _, kind := range mtafront.Careless() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			f, c := startFront(t, kind), startCustomer(t)
			setting, _, _ := strings.Cut(skipReasons[kind.ID], " ")
			if found := f.findings(t); len(found) != 1 || !strings.Contains(found[0], setting) {
				t.Errorf("vodmr-check says %q, want that it names %s", found, setting)
			}
			mails := frontMails()
			plain, three := mails[0], mails[1]
			for _, m := range []frontMail{three, plain} {
				if _, err := mtafront.Send(f.Port, m.Mail); err != nil {
					t.Fatal(err)
				}
			}
			f.holds(t, plain.number(), 1)
			files := len(names(t, f.Maildir()+"/new")) - 1
			p := f.listen(t)
			for range 2 {
				if code, output := f.site.atrn(t, p, "-s", "127.0.0.1:"+c.port); code != 0 {
					t.Errorf("atrn exits %d: %s", code, output)
				}
				f.site.ended(t)
			}
			if got := c.all(); len(got) != 1 || id(got[0].content) != plain.number() || got[0].to[0] != plain.To[0] {
				t.Errorf("the customer got %.500q, want only the message to one recipient", got)
			}
			if left := f.storedContents(t)[three.number()]; len(left) != files || files == 0 {
				t.Errorf("%d files of the other message stay, want %d", len(left), files)
			}
			if got := p.lines(t, " skip ", skipReasons[kind.ID]); len(got) != files {
				t.Errorf("the log names the setting %d times, want once for each of %d files: %q", len(got), files, got)
			}
		})
	}
}

// holds waits until the front has delivered all, with so many files of a message.
func (f *frontSite) holds(t testing.TB, number string, files int) {
	t.Helper()
	eventually(t, sessionLimit, "the front delivers what it took", func() bool {
		if !f.Idle() {
			return false
		}
		found := 0
		for _, name := range names(t, filepath.Join(f.Maildir(), "new")) {
			if strings.Contains(readFile(t, filepath.Join(f.Maildir(), "new", name)), idHeader+number+"\n") {
				found++
			}
		}
		return found == files
	})
}

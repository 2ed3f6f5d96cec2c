package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A real Postfix with its own error limits refuses every third recipient: the
// others get each message once, and each refused one bounces once.
func TestPostfixRefusesEachThird(t *testing.T) {
	t.Parallel()
	for name, setting := range withoutExtensions {
		for _, customer := range []string{"atrn", "fetchmail"} {
			t.Run(name+", "+customer, func(t *testing.T) {
				t.Parallel()
				s := newSite(t)
				mx := startPostfix(t, s.domain, setting, "virtual_mailbox_maps = regexp:"+knownUsers(t))
				p := s.listen(t)
				const messages = 90
				for i := range messages {
					recipient := fmt.Sprintf("user%d@%s", i, s.domain)
					if i%3 == 2 {
						recipient = "unknown-" + recipient
					}
					s.deliver(t, "ann@sender.test", fmt.Sprintf("message %d\n", i), recipient)
				}
				if customer == "atrn" {
					s.mustFetch(t, p, "-s", "127.0.0.1:"+mx.port)
				} else if code, output := s.fetchmail(t, p, mx.port); code != 0 {
					t.Fatalf("fetchmail exits %d: %.4000s", code, output)
				}
				mx.settle(t)
				want := make(map[string]int)
				for i, m := range s.delivered {
					if i%3 != 2 {
						want[m.key()] = 1
					}
				}
				if diff := cmp.Diff(want, count(t, s, mx.mailbox())); diff != "" {
					t.Errorf("the copies of each message (-want +got):\n%s", diff)
				}
				if n := len(s.bounces(t)); n != messages/3 {
					t.Errorf("%d bounced, want %d", n, messages/3)
				}
				if left := s.waiting(t); len(left) > 0 {
					t.Errorf("the provider's Maildir still holds %q", left)
				}
			})
		}
	}
}

// knownUsers is a Postfix table of all users but those that are unknown.
func knownUsers(t testing.TB) string {
	t.Helper()
	path := filepath.Join(publicDir(t), "users.regexp")
	if err := os.WriteFile(path, []byte("!/^unknown-/ inbox/\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

package check

import (
	"os"
	"testing"

	"vodmr/test/kit/require"
)

// The owner of the first part of a path that is not root's decides which file it names.
func TestAuthorOfAPath(t *testing.T) {
	require.Root(t, "to give something away")
	s := &testSite{t: t, root: t.TempDir(), owner: 1500}
	s.owned("domains/a/file", "x", 0o600)
	s.write("domains/a/ofroot", "x", 0o600)
	s.owned("user", "", 0o755)
	s.write("user/file", "x", 0o600)
	s.must(os.Symlink(s.path("user"), s.path("toUser")))
	s.must(os.Symlink("user/file", s.path("relative")))
	s.must(os.Symlink(s.path("loop"), s.path("loop")))
	s.must(os.Symlink(s.path("domains/a/ofroot"), s.path("domains/a/link")))
	s.must(os.Lchown(s.path("domains/a/link"), 1500, 1500))
	s.owned("open", "", 0o777)
	s.must(os.Chown(s.path("open"), 0, 0))
	s.write("open/file", "x", 0o600)
	for name, want := range map[string]int{
		"":                 0,
		"domains/a/file":   1500,
		"domains/a/ofroot": 0,
		"domains/a/link":   1500, // a link of the user's own
		"domains/a/none":   0,    // root alone can make it
		"user/file":        1500, // root's, but the user can replace it
		"user/none":        1500,
		"toUser/file":      1500,
		"relative":         1500,
		"loop":             int(nobody().uid),
		"open/file":        int(nobody().uid),
	} {
		if got := authorOf(s.path(name)); int(got.uid) != want || !got.known {
			t.Errorf("%s: %v, want uid %d", name, got, want)
		}
	}
}

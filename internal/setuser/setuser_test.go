package setuser

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/internal/safepath"
	"vodmr/test/kit/require"
)

// TestWhileKeepsRootsPlace: a program that lays root's rights aside is still root's own:
// the mailbox's owner could otherwise stop or kill it.
func TestWhileKeepsRootsPlace(t *testing.T) {
	require.Root(t, "to become another user")
	dir := t.TempDir()
	if err := os.Chown(dir, 47110, 47111); err != nil {
		t.Fatal(err)
	}
	ids := func() (uid, gid string) {
		text, err := os.ReadFile("/proc/self/status")
		if err != nil {
			require.Skip(t, "the kernel does not tell: %v", err)
		}
		for line := range strings.Lines(string(text)) {
			name, rest, _ := strings.Cut(line, ":")
			switch name {
			case "Uid":
				uid = strings.Join(strings.Fields(rest)[:3], " ")
			case "Gid":
				gid = strings.Join(strings.Fields(rest)[:3], " ")
			}
		}
		return uid, gid
	}
	before, beforeGroup := ids()
	var uid, gid string
	if err := whileOwner(dir, func() error { uid, gid = ids(); return nil }); err != nil {
		t.Fatal(err)
	}
	if uid != "0 47110 0" || gid != strings.Fields(beforeGroup)[0]+" 47111 "+strings.Fields(beforeGroup)[2] {
		t.Errorf("real, effective and saved are %s and %s meanwhile", uid, gid)
	}
	if after, afterGroup := ids(); after != before || afterGroup != beforeGroup {
		t.Errorf("%s and %s became %s and %s", before, beforeGroup, after, afterGroup)
	}
}

// whileOwner runs do with the rights of a directory's owner.
func whileOwner(dir string, do func() error) error {
	id, err := OwnerOf(dir)
	if err != nil {
		return err
	}
	return id.While(do)
}

// TestLinks: a user who links to a Maildir must not get things done there, be it of the
// same uid: with vpopmail many customers' mailboxes have one.
func TestLinks(t *testing.T) {
	require.Root(t, "to become another user")
	dir := t.TempDir()
	box, link := filepath.Join(dir, "box"), filepath.Join(dir, "link")
	if err := errors.Join(os.Mkdir(box, 0o755), os.Chown(box, 47110, 47110)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		uid  int
		want error
	}{{0, nil}, {47110, safepath.ErrLink}, {47112, safepath.ErrLink}} {
		_ = os.Remove(link)
		if err := errors.Join(os.Symlink(box, link), os.Lchown(link, test.uid, test.uid)); err != nil {
			t.Fatal(err)
		}
		ran := false
		err := whileOwner(link, func() error { ran = true; return nil })
		if !errors.Is(err, test.want) || ran != (test.want == nil) {
			t.Errorf("a link of uid %d: %v, and it ran: %v", test.uid, err, ran)
		}
	}
}

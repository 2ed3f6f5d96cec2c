package maildir

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"vodmr/test/kit/require"
)

// newBox makes a Maildir with the given files ("new/NAME" or "cur/NAME") and opens it.
func newBox(t testing.TB, files map[string]string) (*Box, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "Maildir")
	if err := Make(dir); err != nil {
		t.Fatal(err)
	}
	for path, content := range files {
		write(t, filepath.Join(dir, path), content)
	}
	b, err := Open("", dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b, dir
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// scanAll lists a box in the order of Next.
func scanAll(t testing.TB, b *Box) []string {
	t.Helper()
	l, err := b.Scan(time.Time{})
	require.OK(t, err)
	var paths []string
	for e, ok := l.Next(); ok; e, ok = l.Next() {
		paths = append(paths, e.Path())
	}
	return paths
}

// descriptors counts those that are open.
func descriptors(t testing.TB) int {
	t.Helper()
	for _, dir := range []string{"/proc/self/fd", "/dev/fd"} {
		if names, err := os.ReadDir(dir); err == nil {
			return len(names)
		}
	}
	t.Skip("this system does not list descriptors")
	return 0
}

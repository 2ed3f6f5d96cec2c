package history

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
	"vodmr/test/kit/require"
)

// A folder is an open directory that stands for a Maildir.
type folder struct {
	fd   int
	path string
}

// newDir makes a directory with the given files.
func newDir(t testing.TB, files map[string]string) (folder, string) {
	t.Helper()
	path := t.TempDir()
	for name, content := range files {
		write(t, filepath.Join(path, name), content)
	}
	fd, err := sys.Open(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_DIRECTORY|sys.Safely, 0)
	require.OK(t, err)
	t.Cleanup(func() { sys.Close(fd) })
	return folder{fd, path}, path
}

// open reads the history that is kept there.
func (d folder) open(clock func() time.Time) (*History, error) { return Open(d.fd, d.path, clock) }

func write(t testing.TB, path, content string) {
	t.Helper()
	require.OK(t, os.WriteFile(path, []byte(content), 0o600))
}
func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.OK(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
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

package safepath

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/require"
)

// newTree makes DIR/a/b, and gives the path of DIR without links.
func newTree(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.OK(t, err)
	require.OK(t, os.MkdirAll(dir+"/a/b", 0o755))
	require.OK(t, os.WriteFile(dir+"/a/file", nil, 0o644))
	return dir
}

func TestOpensByTheRealPath(t *testing.T) {
	dir := newTree(t)
	for path, want := range map[string]string{
		dir + "/a/b": dir + "/a/b", dir + "//a/./b/": dir + "/a/b", "/": "/", "//": "/", "/.": "/",
	} {
		fd, real, err := Open(path)
		if err != nil || real != want {
			t.Errorf("Open(%q): %q, %v", path, real, err)
			continue
		}
		var got, st unix.Stat_t
		require.OK(t, errors.Join(unix.Fstat(fd, &got), unix.Stat(want, &st)))
		if got.Ino != st.Ino || got.Dev != st.Dev {
			t.Errorf("Open(%q) opened another directory", path)
		}
		if _, err := unix.ReadDirent(fd, make([]byte, 4096)); err != nil {
			t.Errorf("Open(%q): it cannot be listed: %v", path, err)
		}
		unix.Close(fd)
	}
}

func TestRefuses(t *testing.T) {
	dir := newTree(t)
	for path, want := range map[string]error{
		"":                ErrRelative,
		"a/b":             ErrRelative,
		dir + "/a/../a/b": ErrParent,
		dir + "/a/..":     ErrParent,
		dir + "/none/b":   unix.ENOENT,
		dir + "/a/file":   unix.ENOTDIR,
		dir + "/a/file/b": unix.ENOTDIR,
	} {
		if real, err := Resolve(path); !errors.Is(err, want) || real != "" {
			t.Errorf("Resolve(%q): %q, %v, want %v", path, real, err, want)
		}
	}
}

// TestLinks: only a link of root's counts, in a folder that only root can write to; in the
// middle of a path as at its end.
func TestLinks(t *testing.T) {
	require.Root(t, "to make links of other users")
	for _, test := range []struct {
		name   string
		link   int // who owns the link
		folder int // who owns the folder that holds it
		mode   os.FileMode
		want   error
	}{
		{"root's link in root's folder", 0, 0, 0o755, nil},
		{"root's link in a folder for others to write to", 0, 0, 0o777, ErrLink},
		{"root's link in a sticky folder", 0, 0, 0o777 | os.ModeSticky, ErrLink},
		{"root's link in a folder for a group to write to", 0, 0, 0o775, ErrLink},
		{"root's link in a user's folder", 0, 47110, 0o755, ErrLink},
		{"a user's link in root's folder", 47110, 0, 0o755, ErrLink},
		{"a user's link in a folder of its own", 47110, 47110, 0o755, ErrLink},
	} {
		dir := newTree(t)
		require.OK(t, os.Mkdir(dir+"/folder", 0o755))
		for name, target := range map[string]string{"end": dir + "/a/b", "middle": dir + "/a", "relative": "../a"} {
			require.OK(t, os.Symlink(target, dir+"/folder/"+name))
			require.OK(t, os.Lchown(dir+"/folder/"+name, test.link, test.link))
		}
		require.OK(t, os.Chown(dir+"/folder", test.folder, test.folder))
		require.OK(t, os.Chmod(dir+"/folder", test.mode))
		want := ""
		if test.want == nil {
			want = dir + "/a/b"
		}
		for _, path := range []string{"end", "middle/b", "relative/b"} {
			if real, err := Resolve(dir + "/folder/" + path); !errors.Is(err, test.want) || real != want {
				t.Errorf("%s, %s: %q, %v", test.name, path, real, err)
			}
		}
	}
}

func TestLinksWithoutEnd(t *testing.T) {
	require.Root(t, "only root's links are followed")
	dir := newTree(t)
	require.OK(t, os.Symlink(dir+"/loop", dir+"/loop"))
	if _, err := Resolve(dir + "/loop"); !errors.Is(err, unix.ELOOP) {
		t.Errorf("%v", err)
	}
}

// TestSearchIsEnough: a folder on the way need not be readable, as for any path.
func TestSearchIsEnough(t *testing.T) {
	if look == unix.O_RDONLY {
		t.Skip("this system has no flag for that")
	}
	dir := newTree(t)
	require.OK(t, os.Chmod(dir+"/a", 0o311))
	if os.Getuid() == 0 {
		require.OK(t, os.Chmod(filepath.Dir(dir), 0o755))
		require.OK(t, syscall.Seteuid(47110))
		defer func() { require.OK(t, syscall.Seteuid(0)) }()
	}
	if real, err := Resolve(dir + "/a/b"); real != dir+"/a/b" || err != nil {
		t.Errorf("%q, %v", real, err)
	}
	if real, uid, _, err := Owned(dir + "/a"); real != dir+"/a" || int(uid) != os.Getuid() || err != nil {
		t.Errorf("%q, %d, %v", real, uid, err)
	}
}

func TestBelow(t *testing.T) {
	for _, test := range []struct {
		real, dir string
		want      bool
	}{
		{"/d/a/b", "/d/a", true}, {"/d/ab", "/d/a", false}, {"/d/a", "/d/a", false}, {"/d", "/", false}, {"/d", "", false},
	} {
		if got := Below(test.real, test.dir); got != test.want {
			t.Errorf("Below(%q, %q) = %v", test.real, test.dir, got)
		}
	}
}

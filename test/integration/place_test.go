package integration

import (
	"os"
	"path/filepath"
	"testing"
)

// publicDir makes a temporary folder that other users may enter, which
// t.TempDir is not.
func publicDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "vodmr-site-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// An account owns files and runs programs.
type account struct{ uid, gid int }

// mailUser owns mailboxes: if the tests run as root some user that nobody
// is, since vodmr-relay refuses to be root; else the user that runs the tests.
func mailUser() account {
	if os.Geteuid() == 0 {
		return account{4711, 4711}
	}
	return account{os.Geteuid(), os.Getegid()}
}

func (u account) owns(t testing.TB, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := os.Chown(path, u.uid, u.gid); err != nil {
			t.Fatal(err)
		}
	}
}

// mkdir makes a folder and those above it, and gives it to the user.
func (u account) mkdir(t testing.TB, path string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	u.owns(t, path)
}

// write makes a file and gives it to the user.
func (u account) write(t testing.TB, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	u.owns(t, path)
}

// maildir makes an empty Maildir.
func (u account) maildir(t testing.TB, path string) {
	t.Helper()
	for _, sub := range []string{"", "tmp", "new", "cur"} {
		u.mkdir(t, filepath.Join(path, sub), 0o700)
	}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// names lists a folder.
func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

package confine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A folder that is no empty folder of root's is refused as a root folder.
func TestCheckEmpty(t *testing.T) {
	folder := t.TempDir()
	for name, make := range map[string]func(path string) error{
		"file":     func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"link":     func(path string) error { return os.Symlink("/var", path) },
		"writable": func(path string) error { return os.Mkdir(path, 0o755) },
		"filled":   func(path string) error { return os.MkdirAll(path+"/x", 0o755) },
		"owned":    func(path string) error { return os.Mkdir(path, 0o755) },
		"no/place": func(string) error { return nil },
	} {
		path := filepath.Join(folder, name)
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		if name == "writable" {
			_ = os.Chmod(path, 0o777)
		}
		if name == "owned" && os.Geteuid() == 0 && os.Chown(path, 1, 1) != nil {
			t.Fatal("cannot give a folder away")
		}
		if err := makeEmpty(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want an error that names it", name, err)
		}
	}
	if os.Geteuid() != 0 {
		return
	}
	fresh := filepath.Join(folder, "fresh")
	for range 2 {
		if err := makeEmpty(fresh); err != nil {
			t.Errorf("a folder that was not there: %v", err)
		}
	}
}

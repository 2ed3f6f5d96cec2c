package child

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestLookPath(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for file, mode := range map[string]os.FileMode{
		a + "/data": 0o644, b + "/data": 0o755, b + "/tool": 0o755, b + "/text": 0o644,
	} {
		if err := os.WriteFile(file, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(a+"/tool", 0o755); err != nil {
		t.Fatal(err)
	}
	path := a + ":" + b
	for _, test := range []struct {
		name, want string
		err        error
	}{
		{"data", b + "/data", nil}, // a's is not executable
		{"tool", b + "/tool", nil}, // a's is a folder
		{"./tool", "./tool", nil},
		{"text", "", syscall.EACCES},
		{"none", "", syscall.ENOENT},
	} {
		got, err := LookPath(test.name, path)
		if got != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s: got %q, %v, want %q, %v", test.name, got, err, test.want, test.err)
		}
	}
	if got, err := LookPath("sh", ""); err != nil || !strings.HasSuffix(got, "bin/sh") {
		t.Errorf("sh without a PATH: got %q, %v", got, err)
	}
}

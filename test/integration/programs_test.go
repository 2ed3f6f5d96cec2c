package integration

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"vodmr/test/kit/dialogue"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if dir := built(); dir.path != "" {
		os.RemoveAll(dir.path)
	}
	os.Exit(code)
}

// built builds every program once and says where they are.
var built = sync.OnceValue(build)

type buildResult struct {
	path string // the folder
	err  error
}

func build() buildResult {
	dir, err := os.MkdirTemp("", "vodmr-programs-")
	if err != nil {
		return buildResult{err: err}
	}
	r := buildResult{path: dir}
	// The programs run as several users.
	if r.err = os.Chmod(dir, 0o755); r.err != nil {
		return r
	}
	r.err = dialogue.Build(dir, "vodmr/cmd/...", "vodmr/test/standin/vchkpw", "vodmr/test/standin/qmail-queue", "vodmr/test/standin/customer")
	return r
}

// program gives the path of one of vodmr's own programs or of a stand-in.
func program(t testing.TB, name string) string {
	t.Helper()
	r := built()
	path := filepath.Join(r.path, name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s was not built: %v", name, r.err)
	}
	return path
}

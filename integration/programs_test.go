package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
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
	cmd := exec.Command("go", "build", "-o", dir+"/", "./cmd/...", "./testdata/vchkpw", "./testdata/qmail-queue")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		r.err = fmt.Errorf("%w: %s", err, out)
	}
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

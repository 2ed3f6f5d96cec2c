package install

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/internal/version"
	"vodmr/test/kit/require"
)

// releaseOf commits the source tree in a folder of its own, at a fixed date, makes the
// release archive there, and returns the archive's path.
func releaseOf(t *testing.T, folder string) string {
	t.Helper()
	require.Program(t, "git")
	copySource(t, folder)
	must(t, folder, "sh", "-c", "export GIT_AUTHOR_DATE='1795000000 +0000' GIT_COMMITTER_DATE='1795000000 +0000' GIT_CONFIG_GLOBAL=/dev/null\n"+
		"git init -q . && git add -A && git -c user.name=test -c user.email=test@example.org commit -q -m source && make release")
	return filepath.Join(folder, "bin", "vodmr-"+version.Number+".tar.gz")
}

// sameBytes fails if two files differ, or one cannot be read.
func sameBytes(t *testing.T, one, two string) {
	t.Helper()
	a, err1 := os.ReadFile(one)
	b, err2 := os.ReadFile(two)
	if err1 != nil || err2 != nil || len(a) == 0 || !bytes.Equal(a, b) {
		t.Errorf("%s and %s differ: %v %v", one, two, err1, err2)
	}
}

// A commit gives the same archive wherever it is made, and the archive gives the same
// programs wherever it is unpacked, without a network and without modules of another
// place; they say which commit they are.
func TestReleaseArchive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	archive := releaseOf(t, filepath.Join(dir, "one"))
	sameBytes(t, archive, releaseOf(t, filepath.Join(dir, "two-with-a-longer-name")))
	commit := strings.TrimSpace(must(t, filepath.Join(dir, "one"), "git", "rev-parse", "--short=12", "HEAD"))
	var programs [2][]string
	for i, folder := range []string{filepath.Join(dir, "a"), filepath.Join(dir, "another-place")} {
		must(t, "/", "sh", "-c", `mkdir "$2" && tar xzf "$1" -C "$2"`, "sh", archive, folder)
		tree := filepath.Join(folder, "vodmr-"+version.Number)
		must(t, tree, "sh", "-c", "export GOPROXY=off GOFLAGS=-modcacherw GOMODCACHE="+folder+"/none; make")
		programs[i] = glob(t, filepath.Join(tree, "bin/*"))
		about := must(t, tree, "go", "version", "-m", "bin/vodmr-checkpw")
		if !strings.Contains(about, "\tdep\tgithub.com/go-crypt/crypt\t") {
			t.Errorf("the program does not name its parts:\n%s", about)
		}
		if line := must(t, tree, "bin/atrn", "-V"); line != "atrn "+version.Number+" ("+commit+")\n" {
			t.Errorf("atrn -V says %q; the commit is %s", line, commit)
		}
	}
	if len(programs[0]) < 10 || len(programs[0]) != len(programs[1]) {
		t.Fatalf("%d and %d programs", len(programs[0]), len(programs[1]))
	}
	for i := range programs[0] {
		sameBytes(t, programs[0][i], programs[1][i])
	}
}

package version_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vodmr/internal/version"
	"vodmr/test/kit/require"
)

// CHANGES begins with the version that this is.
func TestNumberIsTheNewestInChanges(t *testing.T) {
	text, err := os.ReadFile("../../CHANGES")
	if err != nil {
		t.Fatal(err)
	}
	newest := regexp.MustCompile(`(?m)^([0-9][0-9.]*)\b`).FindSubmatch(text)
	if newest == nil || string(newest[1]) != version.Number {
		t.Errorf("the newest version in CHANGES is %q, and this is %s", newest, version.Number)
	}
}

// The programs say which commit they are, if the linker was told.
func TestCommitComesFromTheLinker(t *testing.T) {
	for _, test := range []struct{ flags, want string }{
		{"", version.Line("vodmr-checkpw")},
		{"-X vodmr/internal/version.commit=0123abcd", "vodmr-checkpw " + version.Number + " (0123abcd)\n"},
	} {
		program := filepath.Join(t.TempDir(), "vodmr-checkpw")
		build := exec.Command("go", "build", "-ldflags", test.flags, "-o", program, "vodmr/cmd/vodmr-checkpw")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		out, err := exec.Command(program, "-V").CombinedOutput()
		if err != nil || string(out) != test.want {
			t.Errorf("ldflags %q: %q, %v; want %q", test.flags, out, err, test.want)
		}
	}
}

// The programs of a release's archive know their commit, though git is not there.
func TestCommitOfAnArchive(t *testing.T) {
	require.Time(t)
	if _, err := os.Stat("../../.git"); err != nil {
		t.Skip("this is an archive itself")
	}
	dir := t.TempDir()
	script := `cd ../.. && commit=$(git rev-parse HEAD) && git archive --worktree-attributes HEAD >"$0/archive.tar" &&
		cd "$0" && tar -xf archive.tar && CGO_ENABLED=0 go build -trimpath -o vodmr-checkpw ./cmd/vodmr-checkpw && ./vodmr-checkpw -V && echo "$commit"`
	out, err := exec.Command("sh", "-c", script, dir).CombinedOutput()
	said, commit, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(commit) != 40 || said != "vodmr-checkpw "+version.Number+" ("+commit[:12]+")" {
		t.Errorf("%v: %s", err, out)
	}
}

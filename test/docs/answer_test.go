package docs

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/internal/version"
	"vodmr/test/kit/dialogue"
)

// Each program prints on standard output what it is, how to use it and where to read
// on, even if nothing that it normally needs is there.
func TestEachProgramAnswersForItself(t *testing.T) {
	dir := t.TempDir()
	if err := dialogue.Build(dir, "vodmr/cmd/..."); err != nil {
		t.Fatal(err)
	}
	installScripts(t, dir)
	for program := range programs(t) {
		t.Run(program, func(t *testing.T) {
			if got := answer(t, dir, program, "-V"); got != version.Line(program) {
				t.Errorf("-V: %q, want %q", got, version.Line(program))
			}
			usage := answer(t, dir, program, "-h")
			page := "see " + program + "(" + sectionOf(t, program) + ")\n"
			if !strings.HasPrefix(usage, "usage: "+program+" ") || !strings.HasSuffix(usage, page) {
				t.Errorf("-h: %q, want the usage and, at its end, %q", usage, page)
			}
			wrong := exec.Command(filepath.Join(dir, program), "-?")
			if out, err := wrong.CombinedOutput(); err == nil || !strings.HasSuffix(string(out), usage) {
				t.Errorf("-?: %v, %q, want a failure and the usage", err, out)
			}
		})
	}
}

// answer runs a program without an environment. It must succeed and print nothing on
// standard error.
func answer(t *testing.T, dir, program, option string) string {
	t.Helper()
	var out, log strings.Builder
	cmd := exec.Command(filepath.Join(dir, program), option)
	cmd.Env = []string{"HOME=/"}
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil || log.String() != "" {
		t.Errorf("%s: %v, %q", option, err, log.String())
	}
	return out.String()
}

// sectionOf returns the section of a program's manual page.
func sectionOf(t *testing.T, program string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "man", program+".[1-689]"))
	if err != nil || len(found) != 1 {
		t.Fatalf("man/%s.*: found %q, want one page", program, found)
	}
	return filepath.Ext(found[0])[1:]
}

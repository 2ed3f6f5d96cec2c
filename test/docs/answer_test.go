package docs

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/internal/version"
)

// maxHelp is the longest line of --help, in bytes.
const maxHelp = 120

// Each program prints on standard output what it is, how to use it and where to read
// on, even if nothing that it normally needs is there.
func TestEachProgramAnswersForItself(t *testing.T) {
	dir := bin(t)
	for program := range programs(t) {
		t.Run(program, func(t *testing.T) {
			for _, option := range []string{"-V", "--version"} {
				if got := answer(t, dir, program, option); got != version.Line(program) {
					t.Errorf("%s: %q, want %q", option, got, version.Line(program))
				}
			}
			help := answer(t, dir, program, "--help")
			page := "see " + program + "(" + sectionOf(t, program) + ")\n"
			if !strings.HasPrefix(help, "usage: "+program+" ") || !strings.HasSuffix(help, page) {
				t.Errorf("--help: %q, want the usage and, at its end, %q", help, page)
			}
			for line := range strings.Lines(help) {
				if len(line) > maxHelp {
					t.Errorf("--help has a line of %d bytes: %s", len(line), line)
				}
			}
			if got := answer(t, dir, program, "-h"); got != help {
				t.Errorf("-h: %q, --help: %q", got, help)
			}
			usage, _, _ := strings.Cut(help, "options:\n")
			wrong := exec.Command(filepath.Join(dir, program), "-?")
			hint := usage + "run " + program + " --help for its options\n"
			if out, err := wrong.CombinedOutput(); err == nil || !strings.HasSuffix(string(out), hint) {
				t.Errorf("-?: %v, %q, want a failure and %q", err, out, hint)
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

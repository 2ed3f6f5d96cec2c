// Package require names the things that a test needs. If one is missing, the test is
// skipped and the skip is recorded for scripts/test; with CI=true it fails.
package require

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Skip ends the test: as failed if CI=true, otherwise as skipped. The reason is added in both
// cases to the file that VODMR_SKIPS names, which scripts/test reads.
func Skip(t testing.TB, format string, args ...any) {
	t.Helper()
	reason := fmt.Sprintf(format, args...)
	note(t, reason)
	if os.Getenv("CI") == "true" {
		t.Fatalf("cannot run, and CI=true: %s", reason)
	}
	t.Skip(reason)
}

// Time skips a test that takes seconds if only the short ones are wanted (go test
// -short, make check). Nothing is missing in this case, so it is not recorded.
func Time(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes long: run without -short")
	}
}

func note(t testing.TB, reason string) {
	name := os.Getenv("VODMR_SKIPS")
	if name == "" {
		return
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		t.Logf("skip not noted: %v", err)
		return
	}
	defer file.Close()
	fmt.Fprintf(file, "%s: %s\n", t.Name(), strings.Join(strings.Fields(reason), " "))
}

// Program returns the path of an installed program. The folders for root's programs
// are searched too, even if PATH does not contain them.
func Program(t testing.TB, name string) string {
	t.Helper()
	for _, try := range []string{name, "/usr/sbin/" + name, "/sbin/" + name} {
		if path, err := exec.LookPath(try); err == nil {
			return path
		}
	}
	Skip(t, "%s is not installed", name)
	return ""
}

// ProgramOf returns the path of a program that an environment variable names.
func ProgramOf(t testing.TB, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		Skip(t, "%s does not name a program", variable)
	}
	return Program(t, path)
}

// Root skips the test unless it runs as root.
func Root(t testing.TB, why string) {
	t.Helper()
	if os.Geteuid() != 0 {
		Skip(t, "not root: %s", why)
	}
}

// Package require says what a test cannot do without. If it is missing, the test
// is skipped and the skip is noted for scripts/test; with CI=true it fails.
package require

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// Skip ends the test: as skipped, or with CI=true as failed. The reason is
// added to the file that VODMR_SKIPS names, where scripts/test reads it.
func Skip(t testing.TB, format string, args ...any) {
	t.Helper()
	reason := fmt.Sprintf(format, args...)
	if os.Getenv("CI") == "true" {
		t.Fatalf("cannot run, and CI=true: %s", reason)
	}
	note(t, reason)
	t.Skip(reason)
}

// Time skips a test that takes seconds if only the short ones are wanted (go test
// -short, make check). That is no lack, so it is not noted.
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
	fmt.Fprintf(file, "%s: %s\n", t.Name(), reason)
}

// Program gives the path of an installed program. Those in the folders for root's
// programs count too, wherever PATH leads.
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

// ProgramOf gives the path of a program that an environment variable names.
func ProgramOf(t testing.TB, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		Skip(t, "%s does not name a program", variable)
	}
	return Program(t, path)
}

// Root goes on only where the test runs as root.
func Root(t testing.TB, why string) {
	t.Helper()
	if os.Geteuid() != 0 {
		Skip(t, "not root: %s", why)
	}
}

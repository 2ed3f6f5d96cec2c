package logformat

import (
	"strings"
	"testing"
)

// Load returns the forms of the project's own page.
func Load(t testing.TB) Forms {
	t.Helper()
	path, err := Page()
	if err != nil {
		t.Fatal(err)
	}
	forms, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return forms
}

// crashes are the first words of the lines that Go's runtime prints if a program
// crashes.
var crashes = [...]string{"panic: ", "fatal error: ", "runtime: ", "WARNING: DATA RACE", "goroutine "}

// Test fails if a line of a log has no form that vodmr-log(5) gives, or if a program
// crashed. The log may be that of a whole chain: see CheckLog.
func Test(t testing.TB, log string) {
	t.Helper()
	for line := range strings.Lines(log) {
		if fell(line) {
			t.Errorf("a program fell: %s", line)
		}
	}
	for _, err := range Load(t).CheckLog(log) {
		t.Errorf("a line of the log: %v", err)
	}
}

func fell(line string) bool {
	for _, crash := range crashes {
		if strings.HasPrefix(line, crash) {
			return true
		}
	}
	return false
}

// TestKept does the same for a stored log, in which a time stands before each line.
func TestKept(t testing.TB, log string) {
	t.Helper()
	Test(t, unstamped(log))
}

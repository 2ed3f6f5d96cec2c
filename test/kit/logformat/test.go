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

// crashes begin the lines that Go's runtime writes when a program falls.
var crashes = [...]string{"panic: ", "fatal error: ", "runtime: ", "WARNING: DATA RACE", "goroutine "}

// Test fails where a line of a log has no form that vodmr-log(5) gives, or a program
// fell. The log may be that of a whole chain: see CheckLog.
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

// TestKept is Test for a log that a logger keeps, with the time before each line.
func TestKept(t testing.TB, log string) {
	t.Helper()
	Test(t, unstamped(log))
}

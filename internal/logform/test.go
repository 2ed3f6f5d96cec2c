package logform

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

// Test fails where a line of a log has no form that vodmr-log(5) gives. The log
// may be that of a whole chain: lines of programs that the page does not describe
// are passed over, and usage lines.
func Test(t testing.TB, log string) {
	t.Helper()
	forms := Load(t)
	for line := range strings.Lines(log) {
		if err := forms.checkOurs(line); err != nil {
			t.Errorf("a line of the log: %v", err)
		}
	}
}

// crashes begin the lines that Go's runtime writes when a program falls.
var crashes = [...]string{"panic: ", "fatal error: ", "runtime: ", "WARNING: DATA RACE", "goroutine "}

// checkOurs checks a line of which nothing is known but that it stands in a log.
func (f Forms) checkOurs(line string) error {
	for _, crash := range crashes {
		if strings.HasPrefix(line, crash) {
			return &crashed{line}
		}
	}
	program, rest, _ := strings.Cut(line, ": ")
	session, _, _ := strings.Cut(rest, " ")
	if !f.has(program) || !isSession(session) {
		return nil
	}
	return f.Check(line)
}

// isSession says whether a word names a session: a number, a login or a folder.
// Usage lines, and what is said before a session is known, have no such word.
func isSession(word string) bool {
	return strings.Trim(word, "0123456789") == "" || strings.ContainsAny(word, "@/")
}

type crashed struct{ line string }

func (c *crashed) Error() string { return "a program fell: " + c.line }

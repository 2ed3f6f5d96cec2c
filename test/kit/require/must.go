package require

import (
	"os"
	"testing"
)

// OK ends the test if something that it builds on has failed.
func OK(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// File returns a file's content, and ends the test if it cannot be read.
func File(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	OK(t, err)
	return string(content)
}

package main

import (
	"os"
	"os/user"
	"path/filepath"
	"testing"
)

// A checkpassword program that cannot be run is refused, since nobody could log in; -f
// takes it, for one that comes later.
func TestCheckpasswordMustRun(t *testing.T) {
	self, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"runs": 0o755, "text": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	for _, test := range []struct {
		check string
		code  int
	}{
		{filepath.Join(dir, "runs"), 0},
		{filepath.Join(dir, "runs") + " with words", 0},
		{"runs", 0},
		{filepath.Join(dir, "none"), 100},
		{filepath.Join(dir, "text"), 100},
		{dir, 100},
		{"none", 100},
		{"text", 100},
		{"./runs", 100},
		{"vodmr-checkpw vpasswd", 100}, // it is not beside the test's own program
	} {
		made := filepath.Join(t.TempDir(), "vodmr")
		args := []string{self.Username, self.Username, made, "mail.example.net", test.check}
		if code := run(args); code != test.code {
			t.Errorf("%s: exit %d, want %d", test.check, code, test.code)
		}
		if _, err := os.Stat(made); (err == nil) != (test.code == 0) {
			t.Errorf("%s: %v", test.check, err)
		}
		_ = os.RemoveAll(made)
		if code := run(append([]string{"-f"}, args...)); code != 0 {
			t.Errorf("%s: exit %d with -f", test.check, code)
		}
	}
}

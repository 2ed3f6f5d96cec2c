//go:build linux && amd64

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// bin is the folder of the programs that TestMain built.
var bin string

func TestMain(m *testing.M) { os.Exit(dialogue.Main(m, &bin, "vodmr/test/faults/inject")) }

// under runs a shell script under inject.
func under(t *testing.T, call, nth, what, script string) (out, report string, state *os.ProcessState) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "told")
	cmd := exec.Command(filepath.Join(bin, "inject"), "-o", file, call, nth, what, "/bin/sh", "-c", script)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	_ = cmd.Run()
	if cmd.ProcessState.ExitCode() == 111 && strings.Contains(said.String(), "not permitted") {
		require.Skip(t, "programs may not be traced here: %s", said.String())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	return said.String(), string(text), cmd.ProcessState
}

// TestStrikes: the fault happens at the Nth call of that name and at no other.
func TestStrikes(t *testing.T) {
	const script = "echo one; echo two; echo three; exit 7"
	for _, test := range []struct {
		what, nth, out, report string
		killed                 bool
	}{
		{"kill", "2", "one\n", "struck program\n", true},
		{"EIO", "2", "one\n*rror*three\n", "struck program\n", false},
		{"done-EIO", "2", "one\ntwo\n*rror*three\n", "struck program\n", false},
		{"short", "2", "one\ntwo\nthree\n", "struck program\n", false},
		{"kill", "4", "one\ntwo\nthree\n", "calls 3\n", false},
	} {
		out, report, state := under(t, "write", test.nth, test.what, script)
		if !dialogue.Match(test.out, out) || !strings.HasPrefix(report, test.report) {
			t.Errorf("%s at %s: %q, told %q", test.what, test.nth, out, report)
		}
		if test.killed != (state.ExitCode() == -1) || !test.killed && state.ExitCode() != 7 {
			t.Errorf("%s at %s: %v", test.what, test.nth, state)
		}
	}
}

// TestShort: one byte is written, and the rest by another call.
func TestShort(t *testing.T) {
	out, report, _ := under(t, "write", "1", "short", "echo one")
	if out != "one\n" || report != "struck program\ncalls 2\n" {
		t.Errorf("%q, told %q", out, report)
	}
}

// TestChildIsLetGo: calls of a child are not counted after it has executed another
// program.
func TestChildIsLetGo(t *testing.T) {
	out, report, state := under(t, "write", "1", "kill", "/bin/echo one; exec >&-; exit 3")
	if out != "one\n" || report != "calls 0\n" || state.ExitCode() != 3 {
		t.Errorf("%q, told %q, %v", out, report, state)
	}
}

// TestMisuse: if the call or the fault is unknown, inject fails; it does not wait for
// a fault that cannot happen.
func TestMisuse(t *testing.T) {
	for _, args := range [][]string{{"wriet", "1", "kill", "/bin/true"}, {"write", "one", "kill", "/bin/true"},
		{"write", "1", "EWHAT", "/bin/true"}, {"write", "1", "kill"}, {"write", "1", "kill", "/nonexistent"}} {
		file := filepath.Join(t.TempDir(), "told")
		cmd := exec.Command(filepath.Join(bin, "inject"), append([]string{"-o", file}, args...)...)
		if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 111 {
			t.Errorf("%q: %v, %s", args, cmd.ProcessState, out)
		}
	}
}

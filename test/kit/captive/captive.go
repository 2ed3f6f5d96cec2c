// Package captive puts a stand-in into the place of a program that gives up its rights, and
// shows what it can still do: see test/standin/captive.
package captive

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/internal/rights"
	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// What the kernel says to an attempt.
const (
	May   = "done"
	Not   = "permission denied"       // Landlock
	Never = "operation not permitted" // seccomp
)

// Try lets a process with these rights try things. Each attempt is a word and an object for
// the stand-in, and what the kernel must say to it.
func Try(t *testing.T, keeps rights.Rights, attempts [][3]string) {
	t.Helper()
	if !rights.Available() {
		require.Skip(t, "this kernel has no Landlock")
	}
	bin := t.TempDir()
	require.OK(t, dialogue.Build(bin, "vodmr/test/standin/captive"))
	text, err := json.Marshal(keeps)
	require.OK(t, err)
	cmd := exec.Command(filepath.Join(bin, "captive"))
	for _, attempt := range attempts {
		cmd.Args = append(cmd.Args, attempt[0], attempt[1])
	}
	cmd.Env, cmd.Stderr = append(os.Environ(), "CAPTIVE_RIGHTS="+string(text)), os.Stderr
	out, err := cmd.Output()
	require.OK(t, err)
	answers := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(answers) != len(attempts) {
		t.Fatalf("%d answers to %d attempts: %q", len(answers), len(attempts), answers)
	}
	for i, attempt := range attempts {
		if answers[i] != attempt[2] {
			t.Errorf("%s %s: %s, want %s", attempt[0], attempt[1], answers[i], attempt[2])
		}
	}
}

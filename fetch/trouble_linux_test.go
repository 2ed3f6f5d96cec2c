package fetch

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/require"
)

// TestFilesThatCannotBeReadNow: if there is no descriptor for a file, that passes, and a
// supervisor must try again. A file that is missing is misuse, which does not pass.
func TestFilesThatCannotBeReadNow(t *testing.T) {
	file, missing := filepath.Join(t.TempDir(), "file"), filepath.Join(t.TempDir(), "none", "file")
	require.OK(t, os.WriteFile(file, []byte("text\n"), 0o600))
	read := map[string]func(string) error{
		"password":   func(name string) error { _, _, err := ReadPassword(name); return err },
		"invitation": func(name string) error { _, err := ReadInvitation(name); return err },
		"key":        func(name string) error { _, err := ReadKey(name); return err },
		"new key":    func(name string) error { _, _, err := ReadOrMakeKey(name); return err },
		"CA":         func(name string) error { _, err := ReadRoots(name); return err },
	}
	var limit unix.Rlimit
	require.OK(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	for name, f := range read {
		if err := f(missing); ExitCode(err) != ExitMisuse {
			t.Errorf("%s: exit code %d for %v, want that of misuse", name, ExitCode(err), err)
		}
		require.OK(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: limit.Max})) // descriptors below are taken
		err := f(file)
		require.OK(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
		if ExitCode(err) != ExitLater || !errors.Is(err, unix.EMFILE) {
			t.Errorf("%s: exit code %d for %v, want that of too many open files", name, ExitCode(err), err)
		}
	}
}

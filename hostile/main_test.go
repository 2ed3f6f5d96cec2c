package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"vodmr/internal/dialogue"
)

// bin is the folder of the programs that TestMain built.
var bin string

func TestMain(m *testing.M) { os.Exit(withPrograms(m)) }

func withPrograms(m *testing.M) int {
	folder, err := os.MkdirTemp("", "vodmr-hostile-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	bin = folder
	// The programs run as another user than the tests do.
	if err := os.Chmod(folder, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	err = dialogue.Build(folder, "vodmr/cmd/vodmr", "vodmr/cmd/vodmr-tls", "vodmr/cmd/vodmr-checkpw",
		"vodmr/cmd/vodmr-relay", "vodmr/testdata/vchkpw", "vodmr/testdata/qmail-queue")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func program(name string) string { return filepath.Join(bin, name) }

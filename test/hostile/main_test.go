package hostile

import (
	"os"
	"path/filepath"
	"testing"

	"vodmr/test/kit/dialogue"
)

// bin is the folder of the programs that TestMain built.
var bin string

func TestMain(m *testing.M) {
	os.Exit(dialogue.Main(m, &bin, "vodmr/cmd/vodmr", "vodmr/cmd/vodmr-tls", "vodmr/cmd/vodmr-proxy", "vodmr/cmd/vodmr-checkpw",
		"vodmr/cmd/vodmr-relay", "vodmr/test/standin/vchkpw", "vodmr/test/standin/qmail-queue"))
}

func program(name string) string { return filepath.Join(bin, name) }

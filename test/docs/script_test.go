package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// script is the text of a program that is a shell script, "" if it is one in Go.
func script(t *testing.T, program string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "cmd", program, program+".sh"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}

// scriptExits are a script's exit codes, which have names as in Go.
func scriptExits(text string) map[string]bool {
	codes := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^exit[A-Z]\w*=(\d+)$`).FindAllStringSubmatch(text, -1) {
		codes[match[1]] = true
	}
	return codes
}

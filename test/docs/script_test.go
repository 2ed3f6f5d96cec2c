package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
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

// scriptOptions are the letters that a script gives to getopts.
func scriptOptions(text string) map[string]bool {
	letters := map[string]bool{}
	for _, match := range regexp.MustCompile(`getopts :?([A-Za-z:]+) `).FindAllStringSubmatch(text, -1) {
		for _, letter := range strings.ReplaceAll(match[1], ":", "") {
			letters[string(letter)] = true
		}
	}
	return letters
}

// scriptUsage is the usage of a script, as it prints it.
func scriptUsage(text string) string {
	_, after, _ := strings.Cut(text, "\nusage=\"")
	usage, _, _ := strings.Cut(after, "\"\n")
	return usage
}

// scriptExits are a script's exit codes, which have names as in Go.
func scriptExits(text string) map[string]bool {
	codes := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^exit[A-Z]\w*=(\d+)$`).FindAllStringSubmatch(text, -1) {
		codes[match[1]] = true
	}
	return codes
}

// installScripts puts the scripts beside the programs in Go, as make does.
func installScripts(t *testing.T, dir string) {
	t.Helper()
	for program := range programs(t) {
		text := script(t, program)
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, program), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

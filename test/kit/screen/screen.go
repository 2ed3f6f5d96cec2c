// Package screen holds what programs print against the screens in the manual pages.
package screen

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Hold fails unless one of the literal blocks in the page's EXAMPLES has the lines that a
// program printed, one after the other. root is the top of the source tree, page the name of a file in man.
// Whatever one of the patterns matches may differ.
func Hold(t *testing.T, root, page, printed string, mayDiffer ...string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "man", page))
	if err != nil {
		t.Fatal(err)
	}
	_, examples, ok := strings.Cut(string(text), "\n.Sh EXAMPLES\n")
	if !ok {
		t.Fatalf("%s has no EXAMPLES", page)
	}
	examples, _, _ = strings.Cut(examples, "\n.Sh ")
	shown := strings.NewReplacer(`\e`, `\`, `\-`, "-", `\&`, "").Replace(examples)
	want := mask(strings.TrimRight(printed, "\n"), mayDiffer)
	if want == "" || !strings.Contains("\n"+mask(shown, mayDiffer)+"\n", "\n"+want+"\n") {
		t.Errorf("EXAMPLES of %s has not what the program prints:\n%s\nmasked:\n%s\nin:\n%s", page, printed, want, mask(shown, mayDiffer))
	}
}

func mask(text string, patterns []string) string {
	for _, pattern := range patterns {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, "~")
	}
	return text
}

package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"vodmr/test/kit/dialogue"
)

// built builds all programs once and returns their folder. TestMain removes it.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "docs")
	if err != nil {
		return "", err
	}
	if err := dialogue.Build(dir, "vodmr/cmd/..."); err != nil {
		return dir, err
	}
	scripts, err := filepath.Glob(filepath.Join(root, "cmd", "*", "*.sh"))
	for _, path := range scripts {
		text, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, strings.TrimSuffix(filepath.Base(path), ".sh")), text, 0o755)
		}
		if err != nil {
			return dir, err
		}
	}
	return dir, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, _ := built(); dir != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// bin is the folder with all programs.
func bin(t *testing.T) string {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// An option is a row of a program's table, as --help prints it.
type option struct{ letter, value, help, byDefault string }

var (
	optionRow  = regexp.MustCompile(`(?m)^  -([A-Za-z])(?:, --[a-z]+| (\S+))?  +(.*)$`)
	defaultRow = regexp.MustCompile(`^(.*) \(default: (.*)\)$`)
)

// optionsOf returns a program's table.
func optionsOf(t *testing.T, program string) (rows []option) {
	t.Helper()
	for _, row := range optionRow.FindAllStringSubmatch(answer(t, bin(t), program, "--help"), -1) {
		o := option{letter: row[1], value: row[2], help: row[3]}
		if found := defaultRow.FindStringSubmatch(o.help); found != nil {
			o.help, o.byDefault = found[1], found[2]
		}
		rows = append(rows, o)
	}
	return rows
}

func TestEachOptionIsInItsPage(t *testing.T) {
	known := 0
	for program := range programs(t) {
		t.Run(program, func(t *testing.T) {
			letters := map[string]bool{}
			for _, o := range optionsOf(t, program) {
				letters[o.letter] = true
			}
			known += len(letters)
			same(t, "options, in the page", letters, open(t, program).items("Fl"))
		})
	}
	if known < 50 {
		t.Errorf("only %d options were found: this test looks in the wrong place", known)
	}
}

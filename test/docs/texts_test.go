package docs

import (
	"go/ast"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadmesCommandsAreThere(t *testing.T) {
	for _, command := range []string{"scripts/demo", "scripts/test"} {
		if !strings.Contains(read(t, "README.md"), "\n    "+command+"\n") {
			t.Errorf("README.md does not show %s", command)
		}
		info, err := os.Stat(filepath.Join(root, command))
		if err != nil {
			t.Error(err)
		} else if info.Mode()&0o111 == 0 {
			t.Errorf("%s cannot be run: mode %v", command, info.Mode())
		}
	}
}

// documents lists all documents for people.
func documents(t *testing.T) []string {
	t.Helper()
	names := []string{"README.md", "INSTALL", "FAQ", "SWITCHING", "MACHINES", "INTERNALS", "STANDING", "CHANGES", "ANNOUNCEMENT", "TODO", "test/README.md"}
	pages, err := filepath.Glob(filepath.Join(root, "man", "*.[1-9]"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, path := range pages {
		names = append(names, "man/"+filepath.Base(path))
	}
	return names
}

func TestNothingIsPromisedThatIsNotThere(t *testing.T) {
	there := programs(t)
	for _, name := range []string{"vodmr-log", "vodmr-watch", "vodmr-dashboard", "vodmr-tell"} { // two pages and two files of dist
		there[name] = true
	}
	name := regexp.MustCompile(`\bvodmr-[a-z]+\b`)
	for _, document := range documents(t) {
		for _, program := range name.FindAllString(strings.ReplaceAll(read(t, document), `\-`, "-"), -1) {
			if !there[program] {
				t.Errorf("%s names %s, which is no program", document, program)
			}
		}
	}
}

// INTERNALS, STANDING and test/README.md name files of the code, with or without their
// folder: all of them must exist.
func TestInternalsFilesAreThere(t *testing.T) {
	there := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		there[filepath.Base(path)] = true
		there[strings.TrimPrefix(path, root+"/")] = true
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`\b[a-z_/-]+\.go\b`).FindAllString(read(t, "INTERNALS")+read(t, "STANDING")+read(t, "test/README.md"), -1)
	for _, name := range named {
		if !there[name] && !there["test/"+name] {
			t.Errorf("INTERNALS, STANDING or test/README.md names %s, which is not there", name)
		}
	}
	if len(named) < 10 {
		t.Errorf("only %d files were found in INTERNALS: this test looks in the wrong place", len(named))
	}
}

// The integration tests must use exactly the settings that INSTALL recommends.
func TestPostfixRecipeIsTheTestedOne(t *testing.T) {
	var tested []string
	tests := parseNamed(t, "test/integration", func(name string) bool { return strings.HasSuffix(name, "postfix_test.go") })
	for _, file := range tests {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || spec.Names[0].Name != "postfixListener" {
				return true
			}
			for _, element := range spec.Values[0].(*ast.CompositeLit).Elts {
				setting, _ := text(element)
				tested = append(tested, setting)
			}
			return false
		})
	}
	var written []string
	for line := range strings.Lines(read(t, "INSTALL")) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "-o ") {
			written = append(written, line)
		}
	}
	if len(tested) == 0 {
		t.Error("integration/postfix_test.go has no postfixListener")
	}
	if diff := cmp.Diff(tested, written); diff != "" {
		t.Errorf("the listener: -tested, +in INSTALL:\n%s", diff)
	}
}

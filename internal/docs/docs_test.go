// Package docs holds the documents against the code: what a program knows must be
// written down, and what is written down the program must know.
package docs

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// programs lists the folders of cmd.
func programs(t *testing.T) map[string]bool {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(root, "cmd", "*"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no programs: %v", err)
	}
	names := map[string]bool{}
	for _, dir := range dirs {
		names[filepath.Base(dir)] = true
	}
	return names
}

// same compares what the code knows with what is written down.
func same(t *testing.T, what string, code, written map[string]bool) {
	t.Helper()
	if diff := cmp.Diff(sorted(code), sorted(written)); diff != "" {
		t.Errorf("%s: -in the code, +written down:\n%s", what, diff)
	}
}

func TestEachProgramHasAPageAndEachPageItsProgram(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(root, "man", "*.[1-9]"))
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, path := range pages {
		name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		p := open(t, name)
		title := ".Dt " + strings.ToUpper(name) + " " + filepath.Ext(path)[1:]
		if !strings.Contains(strings.Join(p, "\n"), "\n"+title+"\n") {
			t.Errorf("%s: no line %q", path, title)
		}
		if filepath.Ext(path) != ".5" {
			named[name] = true
		}
	}
	same(t, "programs and their pages", programs(t), named)
}

func TestEachOptionIsInItsPage(t *testing.T) {
	known := 0
	for program := range programs(t) {
		code := parse(t, "cmd/"+program).options()
		known += len(code)
		same(t, program+"'s options", code, open(t, program).section(t, "DESCRIPTION").items("Fl"))
		same(t, program+"'s options, in its usage", code, inUsage(t, program))
	}
	if known < 10 {
		t.Errorf("only %d options were found in the code: this test looks in the wrong place", known)
	}
}

// inUsage are the options that the constant usage names.
func inUsage(t *testing.T, program string) map[string]bool {
	t.Helper()
	options := map[string]bool{}
	option := regexp.MustCompile(`(?:^|[ \[])-([A-Za-z])\b`)
	found := false
	parse(t, "cmd/"+program).strings(func(text string) {
		found = found || strings.Contains(text, "usage: ")
		for _, match := range option.FindAllStringSubmatch(text, -1) {
			if strings.Contains(text, "usage") || strings.Contains(text, "["+strings.TrimLeft(match[0], " [")) {
				options[match[1]] = true
			}
		}
	})
	if !found {
		t.Errorf("%s has no usage", program)
	}
	return options
}

func TestEachExitCodeIsInItsPage(t *testing.T) {
	dirs := map[string]string{"atrn": "fetch"} // where it is not cmd's own
	code := regexp.MustCompile(`^([eE]xit[A-Z].*|misuse|temporary)$`)
	for program := range programs(t) {
		dir := dirs[program]
		if dir == "" {
			dir = "cmd/" + program
		}
		codes := parse(t, dir).constants(code.MatchString)
		written := open(t, program).section(t, "EXIT STATUS").numbers()
		if program == "vodmr" {
			written["111"] = true // in the words about other programs' codes
		}
		if len(codes) == 0 {
			t.Errorf("%s: no exit codes in %s", program, dir)
		}
		for word := range codes {
			if !written[word] {
				t.Errorf("%s: exit code %s is not in its page", program, word)
			}
		}
	}
}

func TestEachEventIsInTheLogsPage(t *testing.T) {
	p := open(t, "vodmr-log")
	for program, dirs := range map[string][]string{
		"vodmr":       {"cmd/vodmr", "auth"},
		"vodmr-relay": {"cmd/vodmr-relay", "relay"},
	} {
		code := map[string]bool{}
		for _, dir := range dirs {
			join(code, parse(t, dir).words("Event", 0))
		}
		same(t, program+"'s events", code, p.section(t, "Events of "+program).items("Ic"))
	}
}

func TestEachKeyIsInTheLogsPage(t *testing.T) {
	code := map[string]bool{}
	for _, dir := range packages(t) {
		s := parse(t, dir)
		for _, function := range []string{"F", "N"} {
			s.calls(function, func(_ *ast.FuncDecl, call *ast.CallExpr) {
				selector, ok := call.Fun.(*ast.SelectorExpr)
				if key, isText := text(call.Args[0]); ok && isText && nameOf(selector.X) == "logline" {
					code[key] = true
				}
			})
		}
		s.calls("Err", func(_ *ast.FuncDecl, call *ast.CallExpr) {
			if selector, ok := call.Fun.(*ast.SelectorExpr); ok && nameOf(selector.X) == "logline" {
				code["error"] = true
			}
		})
	}
	same(t, "keys", code, open(t, "vodmr-log").section(t, "Keys").items("Va"))
}

func TestEachVariableIsInTheRelaysPage(t *testing.T) {
	code := map[string]bool{}
	variable := regexp.MustCompile(`\bVODMR_[A-Z]+\b`)
	for _, dir := range packages(t) {
		parse(t, dir).strings(func(text string) {
			for _, name := range variable.FindAllString(text, -1) {
				code[name] = true
			}
		})
	}
	written := open(t, "vodmr-relay").section(t, "ENVIRONMENT").items("Ev")
	for name := range written {
		if !strings.HasPrefix(name, "VODMR_") {
			delete(written, name)
		}
	}
	same(t, "variables", code, written)
}

func TestEachControlFileIsInTheRelaysPage(t *testing.T) {
	reader := regexp.MustCompile(`/(control|virtualdomains)\.go$`)
	s := parseNamed(t, "qmail", reader.MatchString)
	code := map[string]bool{}
	for _, function := range []string{"line", "number", "read", "lines"} {
		for name := range s.words(function, 0) {
			code["control/"+name] = true
		}
	}
	written := open(t, "vodmr-relay").section(t, "FILES").items("Pa")
	for name := range written {
		if !strings.HasPrefix(name, "control/") {
			delete(written, name)
		}
	}
	same(t, "control files", code, written)
}

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

// documents are all texts for people.
func documents(t *testing.T) []string {
	t.Helper()
	names := []string{"README.md", "INSTALL", "INTERNALS", "FAQ", "CHANGES"}
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
	there["vodmr-log"] = true
	name := regexp.MustCompile(`\bvodmr-[a-z]+\b`)
	for _, document := range documents(t) {
		for _, program := range name.FindAllString(strings.ReplaceAll(read(t, document), `\-`, "-"), -1) {
			if !there[program] {
				t.Errorf("%s names %s, which is no program", document, program)
			}
		}
	}
}

// The tests must run against the very settings that INSTALL tells people to use.
func TestPostfixRecipeIsTheTestedOne(t *testing.T) {
	var tested []string
	tests := parseNamed(t, "integration", func(name string) bool { return strings.HasSuffix(name, "postfix_test.go") })
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

// Package docs checks the documents against the code: each option, event, variable
// and exit code that a program has must be documented, and nothing else may be. It
// also checks the shape of the source tree.
package docs

import (
	"go/ast"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vodmr/test/kit/logformat"
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

// same compares the names in the code with those in a document.
func same(t *testing.T, what string, code, written map[string]bool) {
	t.Helper()
	if diff := cmp.Diff(sorted(code), sorted(written)); diff != "" {
		t.Errorf("%s: -in the code, +written down:\n%s", what, diff)
	}
}

func TestEachProgramHasAPageAndEachPageItsProgram(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(root, "man", "*.[1-689]"))
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

func TestEachExitCodeIsInItsPage(t *testing.T) {
	for program := range programs(t) {
		t.Run(program, func(t *testing.T) {
			codes := exitCodes(t, program)
			written := open(t, program).section(t, "EXIT STATUS").numbers()
			if len(codes) == 0 {
				t.Error("no exit codes were found in the code")
			}
			for word := range codes {
				if !written[word] {
					t.Errorf("exit code %s is not in the page", word)
				}
			}
		})
	}
}

// exitCodes returns the constants with such a name. Those of atrn are in fetch.
func exitCodes(t *testing.T, program string) map[string]bool {
	t.Helper()
	if text := script(t, program); text != "" {
		return scriptExits(text)
	}
	dir := "cmd/" + program
	if program == "atrn" {
		dir = "fetch"
	}
	return parse(t, dir).constants(regexp.MustCompile(`^[eE]xit[A-Z]`).MatchString)
}

// spoolParts are the files of package relay/spool that the administrator's programs use.
var spoolParts = map[string]string{
	"vodmr-expire": `/(expire|mailbox|bounce|reasons|notes)\.go$`,
	"vodmr-qread":  `/(mailbox|notes)\.go$`,
}

// usedBy tells which files of a package a program uses.
func usedBy(program, dir string) func(name string) bool {
	part := spoolParts[program]
	switch {
	case dir == "auth" && program == "vodmr-checkpw":
		return regexp.MustCompile(`/auth\.go$`).MatchString // credentials, no session
	case dir != "relay/spool":
		return isCode
	case part != "":
		return regexp.MustCompile(part).MatchString
	}
	return func(name string) bool { return isCode(name) && !strings.HasSuffix(name, "/expire.go") }
}

func TestEachEventIsInTheLogsPage(t *testing.T) {
	p, forms := open(t, "vodmr-log"), logformat.Load(t)
	logging := 0
	for program := range programs(t) {
		if script(t, program) != "" {
			continue // it writes no log
		}
		code := map[string]bool{}
		main := parse(t, "cmd/"+program)
		join(code, main.words("Event", 0))
		imports := main.imports()
		if program == "vodmr-relay" {
			imports = append(imports, "relay/spool")
		}
		for _, dir := range imports {
			join(code, parseNamed(t, dir, usedBy(program, dir)).words("Event", 0))
		}
		if len(code) == 0 {
			continue // it writes no log
		}
		logging++
		t.Run(program, func(t *testing.T) {
			same(t, "events", code, p.section(t, "Events of "+program).items("Ic"))
			same(t, "events, in the forms", code, forms.Events(program))
		})
	}
	if logging < 2 {
		t.Errorf("events of only %d programs were found: this test looks in the wrong place", logging)
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

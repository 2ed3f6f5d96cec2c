package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// root is the top of the source tree.
const root = "../.."

// A source is the files of one package, without its tests.
type source []*ast.File

func parse(t *testing.T, dir string) source {
	t.Helper()
	return parseNamed(t, dir, isCode)
}

func isCode(name string) bool { return !strings.HasSuffix(name, "_test.go") }

func parseNamed(t *testing.T, dir string, wanted func(name string) bool) (s source) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no Go files in %s: %v", dir, err)
	}
	for _, name := range names {
		if !wanted(name) {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		s = append(s, file)
	}
	return s
}

// packages lists the folders of the product's packages.
func packages(t *testing.T) []string {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		dir := filepath.Dir(path)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{"testdata", "test", ".git"}, entry.Name()):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
			found[strings.TrimPrefix(dir, root+"/")] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sorted(found)
}

// calls passes on each call of a function or method of that name, and the declaration
// that contains the call.
func (s source) calls(name string, yield func(in *ast.FuncDecl, call *ast.CallExpr)) {
	for _, file := range s {
		for _, decl := range file.Decls {
			in, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(in, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok && nameOf(call.Fun) == name {
					yield(in, call)
				}
				return true
			})
		}
	}
}

// words returns the strings that a function is called with at one place in its
// arguments. If the argument is a variable, they are all strings assigned to it in
// that function; if it is a parameter, they are the strings which that function is
// called with.
func (s source) words(name string, place int) map[string]bool {
	return s.wordsFrom(name, place, map[string]bool{})
}

// wordsFrom does the work of words; seen are the functions being looked at.
func (s source) wordsFrom(name string, place int, seen map[string]bool) map[string]bool {
	words := map[string]bool{}
	if seen[name] {
		return words
	}
	seen[name] = true
	s.calls(name, func(in *ast.FuncDecl, call *ast.CallExpr) {
		if place >= len(call.Args) {
			return
		}
		variable, isVariable := call.Args[place].(*ast.Ident)
		if text, ok := text(call.Args[place]); ok {
			words[text] = true
		} else if isVariable {
			join(words, assigned(in, variable.Name))
			if i := parameter(in, variable.Name); i >= 0 {
				join(words, s.wordsFrom(in.Name.Name, i, seen))
			}
		}
	})
	return words
}

// assigned returns the strings that are assigned to a variable of a function.
func assigned(in *ast.FuncDecl, variable string) map[string]bool {
	words := map[string]bool{}
	ast.Inspect(in, func(n ast.Node) bool {
		assign, ok := n.(*ast.AssignStmt)
		if !ok || len(assign.Lhs) != len(assign.Rhs) {
			return true
		}
		for i, left := range assign.Lhs {
			if word, ok := text(assign.Rhs[i]); ok && nameOf(left) == variable {
				words[word] = true
			}
		}
		return true
	})
	return words
}

// parameter returns the index of a function's parameter, or -1 if there is none of
// that name.
func parameter(in *ast.FuncDecl, name string) int {
	place := 0
	for _, field := range in.Type.Params.List {
		for _, ident := range field.Names {
			if ident.Name == name {
				return place
			}
			place++
		}
	}
	return -1
}

// imports returns the folders of the imported packages of this project.
func (s source) imports() []string {
	found := map[string]bool{}
	for _, file := range s {
		for _, spec := range file.Imports {
			if path, _ := text(spec.Path); strings.HasPrefix(path, "vodmr/") {
				found[strings.TrimPrefix(path, "vodmr/")] = true
			}
		}
	}
	return sorted(found)
}

// strings passes on all string literals.
func (s source) strings(yield func(text string)) {
	for _, file := range s {
		eachText(file, yield)
	}
}

func eachText(n ast.Node, yield func(text string)) {
	ast.Inspect(n, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok {
			if text, ok := text(literal); ok {
				yield(text)
			}
		}
		return true
	})
}

// constants returns the values of the integer constants that have a wanted name.
func (s source) constants(wanted func(name string) bool) map[string]bool {
	values := map[string]bool{}
	for _, file := range s {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for i, name := range spec.Names {
				if i < len(spec.Values) && wanted(name.Name) {
					if value, ok := spec.Values[i].(*ast.BasicLit); ok && value.Kind == token.INT {
						values[value.Value] = true
					}
				}
			}
			return true
		})
	}
	return values
}

// nameOf returns the last name of an expression such as a.b.c.
func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// text returns the value of a literal string or character.
func text(e ast.Expr) (string, bool) {
	literal, ok := e.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING && literal.Kind != token.CHAR {
		return "", false
	}
	if literal.Kind == token.CHAR {
		r, _, _, err := strconv.UnquoteChar(literal.Value[1:], '\'')
		return string(r), err == nil
	}
	s, err := strconv.Unquote(literal.Value)
	return s, err == nil
}

func join(to, from map[string]bool) {
	for word := range from {
		to[word] = true
	}
}

func sorted(words map[string]bool) []string {
	list := []string{}
	for word := range words {
		list = append(list, word)
	}
	slices.Sort(list)
	return list
}

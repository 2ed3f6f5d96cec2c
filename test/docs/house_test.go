package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The limits that keep the code easy to find one's way in.
const (
	maxFolders = 14 // at the top of the tree
	maxLines   = 50 // of a function, from its first line to its closing brace
	maxNesting = 3  // see nesting
	maxMethods = 45 // declared for one type, in all its files
)

// rooms are the product's folders from top to bottom. A package may import only
// packages of lower rows, besides folders inside each other, which share a row, and the
// packages of internal/, which may import each other. Go itself forbids circles.
var rooms = [][]string{
	{"cmd/..."},
	{"check", "internal/listing"}, // listing is vodmr-qread's body
	{"relay", "fetch", "tlswrap"},
	{"relay/spool", "relay/door", "relay/door/..."},
	{"relay/grant", "relay/spool/history"},
	{"internal/locate"},
	{"internal/setuser"}, // it reads users/cdb: it stands above qmail
	{"auth/keeper"},
	{"auth"},
	{"smtp", "maildir", "maildir/lock", "qmail"},
	{"internal/..."},
}

// tolerated are today's exceptions, in the words of the failure. The list should become
// empty: remove an entry as soon as the code is mended. An entry without a failure fails.
var tolerated []string

// TestHouse holds the shape of the tree: few folders at the top, short functions, flat
// code, small types, no panic, and imports that lead downward.
func TestHouse(t *testing.T) {
	var found []string
	report := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	checkFolders(t, report)
	for dir, files := range allFiles(t) {
		checkImports(dir, files, report)
		if !strings.HasPrefix(dir, "test/") {
			checkMethods(dir, files, report)
		}
		checkFunctions(dir, files, report)
	}
	for _, failure := range found {
		if !slices.Contains(tolerated, failure) {
			t.Error(failure)
		}
	}
	for _, entry := range tolerated {
		if !slices.Contains(found, entry) {
			t.Errorf("tolerated, but it is mended: %s", entry)
		}
	}
}

// A reporter takes one failure.
type reporter func(format string, args ...any)

func checkFolders(t *testing.T, report reporter) {
	t.Helper()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && e.Name() != "bin" { // bin is built
			count++
		}
	}
	if count > maxFolders {
		report("the top of the tree has %d folders, and may have %d", count, maxFolders)
	}
}

// parsed are the files of a folder by name.
type parsed map[string]parsedFile

type parsedFile struct {
	*ast.File
	set *token.FileSet
}

func (f parsedFile) line(pos token.Pos) int { return f.set.Position(pos).Line }

// allFiles parses all Go files of the tree, tests included, by folder.
func allFiles(t *testing.T) map[string]parsed {
	t.Helper()
	all := map[string]parsed{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && (entry.Name() == "testdata" || entry.Name() == ".git") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		dir := filepath.ToSlash(strings.TrimPrefix(filepath.Dir(name), root+"/"))
		if all[dir] == nil {
			all[dir] = parsed{}
		}
		all[dir][filepath.Base(name)] = parsedFile{file, set}
		return err
	})
	if err != nil || len(all) < 10 {
		t.Fatalf("%d folders with Go files: %v", len(all), err)
	}
	return all
}

// checkImports reports an import of the product that leads up, sideways, or into test/.
// Tests may import what they like.
func checkImports(dir string, files parsed, report reporter) {
	if strings.HasPrefix(dir, "test/") {
		return
	}
	for name, file := range files {
		for _, spec := range file.Imports {
			imported, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), "vodmr/")
			if ours && !strings.HasSuffix(name, "_test.go") && !mayImport(dir, imported) {
				report("%s imports %s, which does not stand below it", dir, imported)
			}
		}
	}
}

func mayImport(dir, imported string) bool {
	from, to := floor(dir), floor(imported)
	if from < 0 || to < 0 {
		return false
	}
	inside := strings.HasPrefix(dir, imported+"/") || strings.HasPrefix(imported, dir+"/")
	return from < to || from == to && (from == len(rooms)-1 || inside)
}

// floor is the row of a folder in rooms, -1 if it has none. A name with dots stands for
// all folders below it that have no row of their own.
func floor(dir string) int {
	if i := rowOf(dir); i >= 0 {
		return i
	}
	for above := path.Dir(dir); above != "."; above = path.Dir(above) {
		if i := rowOf(above + "/..."); i >= 0 {
			return i
		}
	}
	return -1
}

func rowOf(name string) int {
	return slices.IndexFunc(rooms, func(row []string) bool { return slices.Contains(row, name) })
}

// checkMethods counts the methods that each type of a package declares in files that are
// no tests.
func checkMethods(dir string, files parsed, report reporter) {
	count := map[string]int{}
	for name, file := range files {
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv != nil && !strings.HasSuffix(name, "_test.go") {
				count[receiver(f)]++
			}
		}
	}
	for typ, n := range count {
		if n > maxMethods {
			report("%s.%s has more than %d methods", dir, typ, maxMethods)
		}
	}
}

// receiver is the name of a method's type.
func receiver(f *ast.FuncDecl) string {
	e := f.Recv.List[0].Type
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	if generic, ok := e.(*ast.IndexExpr); ok {
		e = generic.X
	}
	return nameOf(e)
}

// checkFunctions reports functions that are long or deeply nested, and calls of panic.
// Tests may be long, because many are tables of cases.
func checkFunctions(dir string, files parsed, report reporter) {
	for name, file := range files {
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if ok && f.Body != nil && !strings.HasSuffix(name, "_test.go") {
				checkFunction(dir+"/"+name, file, f, report)
			}
		}
	}
}

func checkFunction(name string, file parsedFile, f *ast.FuncDecl, report reporter) {
	if n := file.line(f.End()) - file.line(f.Pos()) + 1; n > maxLines {
		report("%s: %s is longer than %d lines", name, f.Name.Name, maxLines)
	}
	if nesting(f.Body) > maxNesting {
		report("%s: %s is nested deeper than %d", name, f.Name.Name, maxNesting)
	}
	if panics(f) {
		report("%s: %s panics", name, f.Name.Name)
	}
}

// nesting is the largest number of if, for, switch and select statements that stand one
// within the other. The "else if" of a chain is as deep as the if that it belongs to. A
// function literal counts as part of the function around it.
func nesting(n ast.Node) int {
	deepest := 0
	ast.Inspect(n, func(child ast.Node) bool {
		if child == n {
			return true
		}
		switch child := child.(type) {
		case *ast.IfStmt:
			deepest = max(deepest, nestingOfIf(child))
		case *ast.ForStmt, *ast.RangeStmt, *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt:
			deepest = max(deepest, 1+nesting(child))
		default:
			return true
		}
		return false
	})
	return deepest
}

func nestingOfIf(n *ast.IfStmt) int {
	deepest := 1 + nesting(n.Body)
	if chained, ok := n.Else.(*ast.IfStmt); ok {
		return max(deepest, nestingOfIf(chained))
	}
	if n.Else != nil {
		deepest = max(deepest, 1+nesting(n.Else))
	}
	return deepest
}

func panics(f *ast.FuncDecl) bool {
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if ok {
			id, isIdent := call.Fun.(*ast.Ident)
			found = found || isIdent && id.Name == "panic"
		}
		return !found
	})
	return found
}

// TestHouseMeasures: the measures themselves, since a test that finds nothing passes.
func TestHouseMeasures(t *testing.T) {
	const text = `package p
func f() {
	if a {
	} else if b {
		for {
			switch {
			case c:
				func() { select {} }()
			}
		}
	}
	panic(1)
}
func (x *T[K]) m() { panic := 1; if a { g(panic) } else { for { } } }
`
	file, err := parser.ParseFile(token.NewFileSet(), "", text, 0)
	if err != nil {
		t.Fatal(err)
	}
	f, m := file.Decls[0].(*ast.FuncDecl), file.Decls[1].(*ast.FuncDecl)
	if nesting(f.Body) != 4 || nesting(m.Body) != 2 {
		t.Errorf("nesting %d and %d, want 4 and 2", nesting(f.Body), nesting(m.Body))
	}
	if !panics(f) || panics(m) || receiver(m) != "T" {
		t.Errorf("panics %v and %v, receiver %q", panics(f), panics(m), receiver(m))
	}
	for _, test := range []struct {
		dir, imported string
		may           bool
	}{
		{"cmd/vodmr", "internal/fdio", true}, {"internal/fdio", "relay", false}, {"relay", "fetch", false},
		{"relay", "relay/grant", true}, {"maildir", "maildir/lock", true}, {"maildir", "qmail", false},
		{"internal/locate", "qmail", true}, {"qmail", "internal/locate", false}, {"relay", "test/kit/customer", false},
	} {
		if got := mayImport(test.dir, test.imported); got != test.may {
			t.Errorf("%s may import %s: %v", test.dir, test.imported, got)
		}
	}
}

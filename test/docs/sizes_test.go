package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"testing"
)

// ofFiles are the names of what can be as large as a file.
var ofFiles = []string{"size", "Size", "length", "Length", "octets"}

// TestSizesStayInt64: on a machine of 32 bits an int is less than zero if a message of 2 to
// 4 GB is behind it, and a slice up to there ends the program. Go takes an int64 wherever it
// takes an int for a size, so nothing needs the conversion.
func TestSizesStayInt64(t *testing.T) {
	for _, dir := range packages(t) {
		for _, name := range parse(t, dir).narrowed() {
			t.Errorf("%s: %s is converted to an int", dir, name)
		}
	}
}

// narrowed are the functions that convert the size of a file to an int.
func (s source) narrowed() (functions []string) {
	s.calls("int", func(in *ast.FuncDecl, call *ast.CallExpr) {
		if slices.Contains(ofFiles, nameOf(call.Args[0])) {
			functions = append(functions, in.Name.Name)
		}
	})
	return functions
}

// TestNarrowed: the measure itself, since a test that finds nothing passes.
func TestNarrowed(t *testing.T) {
	const text = `package p
func a() int { return int(x.Size) + 1 }
func b() int { return min(1, int(size)) }
func c() int { return int(f(size)) + int(uid) }
`
	file, err := parser.ParseFile(token.NewFileSet(), "", text, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := (source{file}).narrowed(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %q", got)
	}
}

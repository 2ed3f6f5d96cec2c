package docs

import (
	"go/ast"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A place is FILE:NAME in INTERNALS or STANDING. The name is that of a function, a type,
// a constant or a variable, or it is TYPE.METHOD.
var place = regexp.MustCompile(`\b([a-z][a-z/_-]*\.go):([A-Za-z]\w*(?:\.[A-Za-z]\w*)?)`)

// TestInternalsPlacesAreThere: each place that the pages name must be in the code.
func TestInternalsPlacesAreThere(t *testing.T) {
	all, count := allFiles(t), 0
	for _, document := range []string{"INTERNALS", "STANDING"} {
		for _, named := range place.FindAllStringSubmatch(read(t, document), -1) {
			count++
			file, found := all[path.Dir(named[1])][path.Base(named[1])]
			if !found {
				t.Errorf("%s names %s: there is no such file", document, named[0])
			} else if !declares(file.File, named[2]) {
				t.Errorf("%s names %s: the file does not declare that", document, named[0])
			}
		}
	}
	if count < 100 {
		t.Errorf("only %d places were found: this test looks in the wrong place", count)
	}
}

// declares reports if a file declares a name, or a method TYPE.METHOD, outside of
// functions.
func declares(file *ast.File, name string) bool {
	typ, method, isMethod := strings.Cut(name, ".")
	return slices.ContainsFunc(file.Decls, func(decl ast.Decl) bool {
		f, isFunc := decl.(*ast.FuncDecl)
		if isFunc && f.Recv != nil {
			return isMethod && f.Name.Name == method && receiver(f) == typ
		}
		if isFunc {
			return f.Name.Name == name
		}
		return slices.ContainsFunc(decl.(*ast.GenDecl).Specs, func(spec ast.Spec) bool { return specifies(spec, name) })
	})
}

func specifies(spec ast.Spec, name string) bool {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		return spec.Name.Name == name
	case *ast.ValueSpec:
		return slices.ContainsFunc(spec.Names, func(id *ast.Ident) bool { return id.Name == name })
	}
	return false
}

// part is the text of INTERNALS below a heading, up to the next one.
func part(t *testing.T, heading string) string {
	t.Helper()
	_, after, found := strings.Cut(read(t, "INTERNALS"), "\n"+heading+"\n"+strings.Repeat("=", len(heading))+"\n")
	if !found {
		t.Fatalf("INTERNALS has no part %q", heading)
	}
	if next := regexp.MustCompile(`(?m)^.+\n=+$`).FindStringIndex(after); next != nil {
		after = after[:next[0]]
	}
	return after
}

const (
	leastQuestions = 30
	leastAnswer    = 5 // words
	pathExpression = `[a-z][a-z/_-]*\.go(?::[\w.]+)?`
)

// TestInternalsQuestions: below each question is a line with its places alone, and then
// an answer, so that a reader needs two steps: the row, and the place.
func TestInternalsQuestions(t *testing.T) {
	places := regexp.MustCompile(`^    ` + pathExpression + `(, ` + pathExpression + `)*$`)
	count, lines := 0, strings.Split(part(t, "Questions and the place of each answer"), "\n")
	for i, line := range lines {
		if !strings.HasSuffix(line, "?") || strings.HasPrefix(line, " ") {
			continue
		}
		count++
		if !places.MatchString(lines[i+1]) {
			t.Errorf("%s\n%s\nis no list of FILE:NAME", line, lines[i+1])
		}
		var answer []string
		for _, text := range lines[i+2:] {
			if !strings.HasPrefix(text, "    ") {
				break
			}
			answer = append(answer, strings.Fields(text)...)
		}
		if len(answer) < leastAnswer {
			t.Errorf("%s: the answer %q is too short", line, answer)
		}
	}
	if count < leastQuestions {
		t.Errorf("%d questions, want %d", count, leastQuestions)
	}
}

// TestInternalsRooms: the list of rooms is that of the product's packages, each with the
// rooms that it imports. Imports of the lowest rooms of internal/ are left out.
func TestInternalsRooms(t *testing.T) {
	written := map[string][]string{}
	row, room := regexp.MustCompile(`^    ([a-z][a-z/-]*) {2,}\S`), ""
	for line := range strings.Lines(part(t, "The rooms")) {
		if found := row.FindStringSubmatch(line); found != nil {
			room = found[1]
			written[room] = []string{}
		} else if list, ok := strings.CutPrefix(strings.TrimSpace(line), "imports "); ok {
			written[room] = strings.Split(list, ", ")
			slices.Sort(written[room])
		}
	}
	code := map[string][]string{}
	for _, dir := range packages(t) {
		code[dir] = slices.DeleteFunc(parse(t, dir).imports(), func(imported string) bool {
			return floor(imported) == len(rooms)-1
		})
	}
	if diff := cmp.Diff(code, written); diff != "" {
		t.Errorf("the rooms: -in the code, +in INTERNALS:\n%s", diff)
	}
}

// TestDeclares: the measure itself.
func TestDeclares(t *testing.T) {
	file := allFiles(t)["test/docs"]["internals_test.go"].File
	for name, want := range map[string]bool{
		"declares": true, "place": true, "leastAnswer": true, "specifies": true,
		"spec": false, "count": false, "T.declares": false, "Declares": false,
	} {
		if declares(file, name) != want {
			t.Errorf("declares %s: %v", name, !want)
		}
	}
	house := allFiles(t)["test/docs"]["house_test.go"].File
	if !declares(house, "parsedFile.line") || declares(house, "line") || !declares(house, "parsedFile") {
		t.Error("a method is TYPE.METHOD, and nothing else")
	}
}

// TestProgramsOfEachConnectionLinkLittle: start-up is paid for each connection, and a standing
// session keeps the threads that a package starts.
func TestProgramsOfEachConnectionLinkLittle(t *testing.T) {
	for _, program := range []string{"vodmr", "vodmr-relay"} {
		cmd := exec.Command("go", "list", "-deps", "vodmr/cmd/"+program)
		cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64")
		out, err := cmd.Output()
		linked := strings.Fields(string(out))
		if err != nil || !slices.Contains(linked, "vodmr/internal/sys") {
			t.Fatalf("%s: %v, %q", program, err, linked)
		}
		for _, name := range []string{"net", "net/http", "os/exec", "os/signal", "log", "crypto/tls"} {
			if slices.Contains(linked, name) {
				t.Errorf("%s links %s", program, name)
			}
		}
	}
}

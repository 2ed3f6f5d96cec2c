package docs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A page is the lines of a manual page in mdoc(7).
type page []string

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// open reads the page of a program or a format in any section but 7, which has
// overviews.
func open(t *testing.T, name string) page {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "man", name+".[1-689]"))
	if err != nil || len(found) != 1 {
		t.Fatalf("man/%s.*: found %q, want one page", name, found)
	}
	return strings.Split(read(t, "man/"+filepath.Base(found[0])), "\n")
}

// section returns the text below a heading (.Sh or .Ss), up to the next heading of
// the same or a higher level.
func (p page) section(t *testing.T, heading string) page {
	t.Helper()
	for i, line := range p {
		if line != ".Sh "+heading && line != ".Ss "+heading {
			continue
		}
		for j, later := range p[i+1:] {
			if strings.HasPrefix(later, ".Sh ") || strings.HasPrefix(later, ".Ss ") && strings.HasPrefix(line, ".Ss ") {
				return p[i+1 : i+1+j]
			}
		}
		return p[i+1:]
	}
	t.Fatalf("%s has no section %q", p[1], heading)
	return nil
}

// items returns the list items (.It) that are marked with a macro, such as Fl for
// options.
func (p page) items(macro string) map[string]bool {
	items := map[string]bool{}
	for _, line := range p {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] != ".It" {
			continue
		}
		marked := false
		for _, word := range words[1:] {
			switch {
			case word == macro:
				marked = true
			case word == "Ar" || word == "Op":
				marked = false
			case marked && word != ",":
				items[word] = true
			}
		}
	}
	return items
}

// item returns the text of the items of an option, without macros.
func (p page) item(letter string) string {
	text, in := "", false
	for _, line := range p {
		if strings.HasPrefix(line, ".It ") {
			words := strings.Fields(line)
			in = len(words) > 2 && words[1] == "Fl" && words[2] == letter
		} else if line == ".El" {
			in = false
		}
		if in {
			text += strings.NewReplacer(`\-`, "-", `\&`, "", " Ns ", "").Replace(line) + "\n"
		}
	}
	return text
}

// numbers returns the list items that are numbers.
func (p page) numbers() map[string]bool {
	numbers := map[string]bool{}
	for _, line := range p {
		if word, ok := strings.CutPrefix(line, ".It "); ok && strings.Trim(word, "0123456789") == "" {
			numbers[word] = true
		}
	}
	return numbers
}

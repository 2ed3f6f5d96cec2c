package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Rates in 1,000 words that plain English keeps. Texts of other mail servers have 0 to
// 0.3 of the first and the last, and 5 to 16 of the second.
const (
	mostWhere = 0.3 // "where" that opens a condition
	leastIf   = 5.0
	mostWho   = 0.3 // whose, whom, whoever, whomever
)

// notYetPlain are the rooms that have still to be rewritten. The list should become
// empty: remove a room when its own rates are kept. If it is here and its rates are
// kept, the test fails.
var notYetPlain = []string{
	"INTERNALS",
}

// TestPlainEnglish counts the rates over INTERNALS and all comments of the code, tests
// included. A room is a folder at the top, with the folders below it, but test is
// several. Together the rooms must keep the rates; a small one alone need not.
func TestPlainEnglish(t *testing.T) {
	texts := map[string]string{"INTERNALS": read(t, "INTERNALS")}
	for dir, files := range allFiles(t) {
		for name := range files {
			texts[roomOf(dir)] += comments(t, filepath.Join(root, dir, name))
		}
	}
	var plain strings.Builder
	for room, text := range texts {
		if !slices.Contains(notYetPlain, room) {
			plain.WriteString(text)
		} else if len(rateOf(text).faults()) == 0 {
			t.Errorf("%s keeps the rates: remove it from notYetPlain", room)
		}
	}
	for _, fault := range rateOf(plain.String()).faults() {
		t.Error(fault)
	}
	if t.Failed() {
		for room, text := range texts {
			t.Logf("%s: %+v", room, rateOf(text))
		}
	}
}

func roomOf(dir string) string {
	words := strings.SplitN(dir, "/", 3)
	if words[0] == "test" && len(words) > 1 {
		return "test/" + words[1]
	}
	return words[0]
}

// comments are the lines of a file that are comments.
func comments(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for line := range strings.Lines(string(text)) {
		if comment, ok := strings.CutPrefix(strings.TrimSpace(line), "//"); ok {
			all.WriteString(strings.TrimPrefix(comment, " ") + "\n")
		}
	}
	return all.String()
}

// A rate counts a text. The fields but the first are for 1,000 words.
type rate struct {
	words           int
	where, ifs, who float64
}

var (
	aWord  = regexp.MustCompile(`[A-Za-z']+`)
	where  = regexp.MustCompile(`(?m)(?:^\s*|[.;:,]\s+)[Ww]here\s+(\w+)`)
	aPlace = regexp.MustCompile(`^(can|do|did|appropriate|possible|to$|is$)`) // no condition follows
	anIf   = regexp.MustCompile(`\b[Ii]f\b`)
	whos   = regexp.MustCompile(`\b(whose|whom|whoever|whomever)\b`)
)

func rateOf(text string) rate {
	words := max(1, len(aWord.FindAllString(text, -1)))
	conditions := 0
	for _, found := range where.FindAllStringSubmatch(text, -1) {
		if !aPlace.MatchString(found[1]) {
			conditions++
		}
	}
	of := func(count int) float64 { return 1000 * float64(count) / float64(words) }
	return rate{words, of(conditions), of(len(anIf.FindAllString(text, -1))), of(len(whos.FindAllString(text, -1)))}
}

// faults says which rates are not kept.
func (r rate) faults() (list []string) {
	if r.where > mostWhere {
		list = append(list, "\"where\" opens too many conditions: write if or when")
	}
	if r.ifs < leastIf {
		list = append(list, "\"if\" is too rare: conditions are hidden")
	}
	if r.who > mostWho {
		list = append(list, "whose, whom and whoever are too many: name the thing")
	}
	return list
}

// TestRates: the measure itself.
func TestRates(t *testing.T) {
	const text = "Where it fails, wait. It is there where to look, where a file is.\nWhose is it? If so,\n\twhere nothing is, stop if asked."
	got := rateOf(text)
	if got.words != 25 || got.where*25 != 3000 || got.ifs*25 != 2000 || got.who != 0 {
		t.Errorf("%+v: %v %v", got, got.where*25, got.ifs*25)
	}
	if list := got.faults(); len(list) != 1 {
		t.Errorf("%q", list)
	}
}

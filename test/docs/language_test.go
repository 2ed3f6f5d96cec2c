package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Rates in 1,000 words that plain English keeps. Texts of other mail servers have 0 to
// 0.3 of them, and 5 to 16 of "if".
const (
	mostWhere = 0.3 // "where" that opens a condition
	leastIf   = 5.0
	mostWho   = 0.3  // whose, whom, whoever, whomever
	mostWhat  = 0.3  // "What" that opens a sentence
	mostElse  = 0.05 // "else" inside a clause, in place of otherwise
)

// TestPlainEnglish counts the rates over each document and over all comments of the code,
// tests included. If the comments fail, the log has the rates of each room: a
// folder at the top, with the folders below it, but test is several.
func TestPlainEnglish(t *testing.T) {
	rooms := map[string]string{}
	var all strings.Builder
	for dir, files := range allFiles(t) {
		for name := range files {
			text := comments(t, filepath.Join(root, dir, name))
			rooms[roomOf(dir)] += text
			all.WriteString(text)
		}
	}
	texts := map[string]string{"the comments": all.String()}
	for _, name := range []string{"README.md", "INSTALL", "FAQ", "SECURITY", "SWITCHING", "MACHINES", "INTERNALS", "STANDING"} {
		texts[name] = read(t, name)
	}
	pages, err := filepath.Glob(filepath.Join(root, "man", "*.[1-9]"))
	if err != nil || len(pages) < 10 {
		t.Fatalf("%d manual pages: %v", len(pages), err)
	}
	for _, page := range pages {
		texts["the manual pages"] += macro.ReplaceAllString(read(t, "man/"+filepath.Base(page)), "")
	}
	for name, text := range texts {
		for _, fault := range rateOf(text).faults() {
			t.Errorf("%s: %s: %+v", name, fault, rateOf(text))
		}
	}
	if t.Failed() {
		for room, text := range rooms {
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
	words                        int
	where, ifs, who, what, elses float64
}

var (
	aWord  = regexp.MustCompile(`[A-Za-z']+`)
	where  = regexp.MustCompile(`(?m)(?:^\s*|[.;:,]\s+)[Ww]here\s+(\w+)`)
	aPlace = regexp.MustCompile(`^(can|do|did|appropriate|possible|to$|is$)`) // no condition follows
	anIf   = regexp.MustCompile(`\b[Ii]f\b`)
	whos   = regexp.MustCompile(`\b(whose|whom|whoever|whomever)\b`)
	aWhat  = regexp.MustCompile(`(?m)(?:^|[.;:]\s+)What\s`)
	anElse = regexp.MustCompile(`\b(would|could|can|must|may|might|will|is|are|that|it|or|and|,)\s+else\b`)

	// macro is the name of a manual page's macro at the begin of a line.
	macro = regexp.MustCompile(`(?m)^\.[A-Z][a-z]\b`)
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
	all := func(pattern *regexp.Regexp) float64 { return of(len(pattern.FindAllString(text, -1))) }
	return rate{words, of(conditions), all(anIf), all(whos), all(aWhat), all(anElse)}
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
	if r.what > mostWhat {
		list = append(list, "too many sentences begin with \"What\": name the thing")
	}
	if r.elses > mostElse {
		list = append(list, "\"else\" inside a clause: write otherwise")
	}
	return list
}

// TestRates: the measure itself.
func TestRates(t *testing.T) {
	const text = "Where it fails, wait. It is there where to look, where a file is.\nWhose is it? If so,\n\twhere nothing is, stop if asked. What is it?"
	got := rateOf(text)
	if got.words != 28 || got.where*28 != 3000 || got.ifs*28 != 2000 || got.who != 0 || got.what*28 != 1000 {
		t.Errorf("%+v", got)
	}
	if list := got.faults(); len(list) != 2 {
		t.Errorf("%q", list)
	}
}

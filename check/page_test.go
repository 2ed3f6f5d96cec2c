package check

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The page's table has each diagnosis with its verdict, in the catalogue's order,
// and none beside them.
func TestThePageHasEachDiagnosis(t *testing.T) {
	text, err := os.ReadFile("../man/vodmr-check.8")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "\n.Sh DIAGNOSTICS\n")
	table, _, _ = strings.Cut(table, "\n.Sh ")
	var written, known []string
	for line := range strings.Lines(table) {
		if item, ok := strings.CutPrefix(strings.TrimSpace(line), ".It "); ok {
			written = append(written, item)
		}
	}
	for _, e := range catalogue() {
		known = append(known, string(e.verdict)+": "+string(e.what))
	}
	if diff := cmp.Diff(known, written); diff != "" {
		t.Errorf("-in the code, +in the page:\n%s", diff)
	}
}

// Each diagnosis has one entry, and one that says what to do.
func TestEachDiagnosisHasAnAdvice(t *testing.T) {
	seen := map[diagnosis]bool{}
	for _, e := range catalogue() {
		if seen[e.what] || e.what == "" || len(e.advice) < 10 || e.verdict != wrong && e.verdict != doubtful {
			t.Errorf("%+v", e)
		}
		seen[e.what] = true
	}
	if len(seen) < 40 {
		t.Errorf("%d diagnoses", len(seen))
	}
}

package docs

import (
	"cmp"
	"encoding/csv"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// stored reads a file of results: a line with the names, then the rows.
func stored(t *testing.T, name string) [][]string {
	t.Helper()
	file, err := os.Open(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil || len(lines) < 2 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	return lines
}

// faultRow finds the rows' names in the table of test/faults/row.go.
var faultRow = regexp.MustCompile(`(?m)^\t\t\{(?:"([a-z-]+)"|slowRow), "`)

// TestEachFaultIsStored: no row of faults is without a result of all its points.
func TestEachFaultIsStored(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(root, "test/faults/row.go"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, found := range faultRow.FindAllStringSubmatch(string(source), -1) {
		rows = append(rows, cmp.Or(found[1], "killed-slow"))
	}
	var names []string
	for _, line := range stored(t, "test/faults/results/results.csv")[1:] {
		names = append(names, line[0])
	}
	if !slices.Equal(rows, names) {
		t.Errorf("the rows are\n%q, stored are\n%q", rows, names)
	}
}

// TestFaultsAreTheStored: the table in test/faults is the stored one, row by
// row, and no message was lost in any of them.
func TestFaultsAreTheStored(t *testing.T) {
	lines := stored(t, "test/faults/results/results.csv")
	readme, err := os.ReadFile(filepath.Join(root, "test/faults/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(readme), "| what was done |")
	table, _, _ = strings.Cut(table, "\n\n")
	quoted := strings.Split(table, "\n")[2:]
	if len(quoted) != len(lines)-1 {
		t.Fatalf("test/faults/README.md has %d rows of %d", len(quoted), len(lines)-1)
	}
	for i, line := range lines[1:] {
		// row, kind, points, lost, sent again, bound, failed, seconds, seed
		numbers := strings.Join([]string{line[2], line[3], line[4], line[5], line[7]}, " | ")
		if !strings.HasSuffix(quoted[i], " | "+numbers+" |") {
			t.Errorf("%s: test/faults/README.md has %q, not %s", line[0], quoted[i], numbers)
		}
		if line[3] != "0" || line[6] != "0" {
			t.Errorf("%s: %s messages lost, %s points failed", line[0], line[3], line[6])
		}
	}
}

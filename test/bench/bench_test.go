package main

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/plot/plotter"
)

// TestMail: the files are as many and as large as the row says; a copy differs only
// in its recipient; and by name the oldest comes first.
func TestMail(t *testing.T) {
	home := t.TempDir()
	m := mail{messages: 7, copies: 3, size: 4 << 10}
	if err := m.fill(home); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(home, "Maildir", "new")
	contents := map[string]int{}
	for file := range m.files() {
		text, err := os.ReadFile(filepath.Join(folder, m.name(file)))
		if err != nil {
			t.Fatal(err)
		}
		if len(text) != m.size || !bytes.HasSuffix(text, []byte("\n")) {
			t.Errorf("file %d has %d bytes and ends in %q", file, len(text), text[len(text)-1])
		}
		content, found := strings.CutPrefix(string(text), m.envelope(file))
		if !found {
			t.Errorf("file %d starts %q", file, text[:100])
		}
		contents[content]++
	}
	if left, err := waiting(home); left != m.files() || err != nil {
		t.Errorf("%d files wait, want %d: %v", left, m.files(), err)
	}
	if len(contents) != m.messages {
		t.Errorf("%d different contents, want %d", len(contents), m.messages)
	}
}

// TestLink: names are added until there are as many as asked for, and existing files
// stay.
func TestLink(t *testing.T) {
	home := t.TempDir()
	m := mail{messages: 5, copies: 1, size: 1 << 10}
	if err := m.fill(home); err != nil {
		t.Fatal(err)
	}
	if err := m.link(filepath.Join(home, "Maildir", "new"), 100); err != nil {
		t.Fatal(err)
	}
	if left, err := waiting(home); left != 100 || err != nil {
		t.Errorf("%d files wait, want 100: %v", left, err)
	}
}

// TestRows: each name exists once and can be chosen, further ones can be composed,
// and each target has its row.
func TestRows(t *testing.T) {
	names := map[string]bool{"start-vodmr": true, "start-vodmr-bare": true, "start-vodmr-relay": true}
	for _, r := range rows() {
		if names[r.name] {
			t.Errorf("two rows are called %s", r.name)
		}
		names[r.name] = true
		if got, err := choose([]string{r.name}); err != nil || got[0].name != r.name {
			t.Errorf("%s cannot be chosen: %v", r.name, err)
		}
	}
	for _, target := range targets() {
		if !names[target.row] {
			t.Errorf("no row is called %s", target.row)
		}
	}
	if got, err := choose([]string{"chunking-250ms-16k"}); err != nil || len(got) != 1 {
		t.Errorf("chunking-250ms-16k: %v", err)
	}
	for _, name := range []string{"", "chunking", "everything-0ms-4k", "chunking-0s-4k", "chunking-0ms-4g"} {
		if _, err := choose([]string{name}); err == nil {
			t.Errorf("%q was taken for a row", name)
		}
	}
}

// sample makes results of all kinds.
func sample() []result {
	return []result{
		{row: "floor-4k", mode: "-", rate: 9300, size: 4096},
		{row: "nothing-0ms-4k", mode: "nothing", rate: 2000, size: 4096},
		{row: "chunking-0ms-4k", mode: "PIPELINING and CHUNKING", rate: 5000, size: 4096},
		{row: "chunking-600ms-4k", mode: "PIPELINING and CHUNKING", rate: 0.04, size: 4096},
		{row: "idle", note: `a "note", with commas <&>`},
	}
}

// TestTable: each line of the CSV has all columns.
func TestTable(t *testing.T) {
	lines, err := csv.NewReader(bytes.NewReader(table(sample()))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != len(sample())+1 || len(lines[0]) != len(columns()) {
		t.Errorf("%d lines of %d columns", len(lines), len(lines[0]))
	}
	if lines[1][0] != "floor-4k" || lines[5][len(lines[5])-1] != sample()[4].note {
		t.Errorf("the lines are %q", lines)
	}
}

// TestPicture: the plot is XML for any results, and names everything that it shows.
func TestPicture(t *testing.T) {
	for _, results := range [][]result{nil, sample()[:1], sample()} {
		text, err := picture(results)
		if err != nil {
			t.Fatal(err)
		}
		decoder := xml.NewDecoder(bytes.NewReader(text))
		for {
			if _, err := decoder.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%v in %s", err, text)
			}
		}
		for _, s := range append(ours(results), peers()...) {
			if !bytes.Contains(text, []byte(s.name)) {
				t.Errorf("%q is not in the plot", s.name)
			}
		}
	}
}

// TestPositions: each point is at its round trip; a point without a rate is left out.
func TestPositions(t *testing.T) {
	s := series{points: []point{{20 * time.Millisecond, 5}, {0, 0}, {600 * time.Millisecond, 7}, {time.Second, 9}}}
	want := plotter.XYs{{X: 1, Y: 5}, {X: 3, Y: 7}}
	if diff := cmp.Diff(want, s.positions()); diff != "" {
		t.Error(diff)
	}
}

// TestCompareStarts: a program is compared with the plain empty one, and with the
// empty one in the same environment.
func TestCompareStarts(t *testing.T) {
	one := []string{path, oneProcessor}
	results := compareStarts([]*starter{
		{row: "start-empty", argv: []string{"empty"}, wall: []float64{10}, cpu: []float64{20}},
		{row: "start-empty-one", argv: []string{"empty"}, env: one, wall: []float64{8}, cpu: []float64{10}},
		{row: "start-vodmr", argv: []string{"vodmr"}, env: one, wall: []float64{12}, cpu: []float64{20}, what: "served"},
		{row: "start-vodmr-bare", argv: []string{"vodmr"}, wall: []float64{15}, cpu: []float64{30}, what: "bare"},
	})
	for i, want := range map[int]string{
		2: "12.00 ms (1.20 x, in the same environment 1.50 x), cpu 20.00 ms (1.00 x, 2.00 x): served",
		3: "15.00 ms (1.50 x, in the same environment 1.50 x), cpu 30.00 ms (1.50 x, 1.50 x): bare",
	} {
		if results[i].note != want {
			t.Errorf("%s: %s, want %s", results[i].row, results[i].note, want)
		}
	}
	if ratio := results[2].ratio; ratio != 1.2 {
		t.Errorf("the ratio is %v", ratio)
	}
}

package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// A result is one line of the table.
type result struct {
	row, kind     string
	points        int // points at which the fault happened
	lost          int // messages
	resent, bound int // messages sent again, and how many may be
	wrong         int // points at which anything was wrong
	seconds       float64
	seed          uint64
}

// aPart is appended to the kind of a result that comes from a sample.
const aPart = " (random points only)"

// results has the last result of each row that was ever run, in the order of the
// table.
type results []result

func columnNames() []string {
	return []string{"row", "kind", "points", "lost", "sent_again", "bound", "failed", "seconds", "seed"}
}

func (r result) fields() []string {
	return []string{r.row, r.kind, strconv.Itoa(r.points), strconv.Itoa(r.lost), strconv.Itoa(r.resent),
		strconv.Itoa(r.bound), strconv.Itoa(r.wrong), strconv.FormatFloat(r.seconds, 'f', 0, 64),
		strconv.FormatUint(r.seed, 10)}
}

// readResults reads the stored results of earlier runs; it is no error if there are
// none.
func readResults(path string) (results, error) {
	file, err := os.Open(path)
	if path == "" || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	in := csv.NewReader(file)
	in.FieldsPerRecord = len(columnNames())
	lines, err := in.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var list results
	for _, line := range lines[min(1, len(lines)):] {
		one, err := parseResult(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		list = append(list, one)
	}
	return list, nil
}

func parseResult(line []string) (r result, err error) {
	r.row, r.kind = line[0], line[1]
	for i, number := range []*int{&r.points, &r.lost, &r.resent, &r.bound, &r.wrong} {
		var e error
		*number, e = strconv.Atoi(line[2+i])
		err = errors.Join(err, e)
	}
	var e1, e2 error
	r.seconds, e1 = strconv.ParseFloat(line[7], 64)
	r.seed, e2 = strconv.ParseUint(line[8], 10, 64)
	return r, errors.Join(err, e1, e2)
}

// has reports if the stored result of a row covers all its points.
func (list results) has(one row) bool {
	for _, r := range list {
		if r.row == one.name && !strings.HasSuffix(r.kind, aPart) {
			return true
		}
	}
	return false
}

// put replaces the result of a row, or inserts it at its place in the table.
func (list *results) put(one result) {
	var sorted results
	for _, name := range rowNames() {
		for _, r := range *list {
			if r.row == name && r.row != one.row {
				sorted = append(sorted, r)
			}
		}
		if name == one.row {
			sorted = append(sorted, one)
		}
	}
	*list = sorted
}

// write stores all results, unless path is "".
func (list results) write(path string) error {
	if path == "" {
		return nil
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	w := csv.NewWriter(file)
	_ = w.Write(columnNames())
	for _, r := range list {
		_ = w.Write(r.fields())
	}
	w.Flush()
	return errors.Join(w.Error(), file.Close())
}

// print prints the table.
func (list results) print(w io.Writer) {
	const format = "%-17s %8v %6v %11v %8v %7v %8v   %s\n"
	fmt.Fprintf(w, format, "row", "points", "lost", "sent again", "bound", "failed", "seconds", "kind of fault")
	for _, r := range list {
		fmt.Fprintf(w, format, r.row, r.points, r.lost, r.resent, r.bound, r.wrong, int(r.seconds), r.kind)
	}
}

// quote prints the table as test/faults/README.md shows it.
func (list results) quote(w io.Writer) {
	fmt.Fprintln(w, "| what was done | points | lost | sent again | may be at most | seconds |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|")
	for _, r := range list {
		fmt.Fprintf(w, "| %s | %d | %d | %d | %d | %.0f |\n", r.kind, r.points, r.lost, r.resent, r.bound, r.seconds)
	}
}

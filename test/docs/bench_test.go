package docs

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// measured reads test/bench/results/results.csv: the columns of each row by their
// names.
func measured(t *testing.T) map[string]map[string]string {
	t.Helper()
	lines := stored(t, "test/bench/results/results.csv")
	rows := map[string]map[string]string{}
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, name := range lines[0] {
			row[name] = line[i]
		}
		rows[row["row"]] = row
	}
	return rows
}

// number parses a cell.
func number(t *testing.T, text string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Error(err)
	}
	return n
}

// rounded reports if a quoted number is the stored one, possibly rounded to one
// decimal place. The stored numbers were rounded to one place themselves, so a number
// that ends in .5 may go either way.
func rounded(t *testing.T, quoted, stored string) bool {
	t.Helper()
	most := 0.55
	if strings.Contains(quoted, ".") {
		most = 0.05
	}
	return math.Abs(number(t, quoted)-number(t, stored)) < most+1e-9
}

// TestSpeedIsTheMeasured: the table of messages a second in test/bench, and its figures
// for the floor and for a standing session, are the stored results.
func TestSpeedIsTheMeasured(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "test/bench/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	part := string(text)
	rows := measured(t)
	checkSpeeds(t, part, rows)
	prose := strings.Join(strings.Fields(part), " ")
	_, median, _ := strings.Cut(rows["standing-latency"]["note"], "median ")
	median, _, _ = strings.Cut(median, ",")
	for _, want := range []string{
		fmt.Sprintf("does %.0f a second", number(t, rows["floor-4k"]["messages_per_second"])),
		"customer's server " + median + " after it landed",
		fmt.Sprintf("costs %.1f MiB while it waits", number(t, rows["standing-idle"]["pss_kib"])/1024),
	} {
		if !strings.Contains(prose, want) {
			t.Errorf("test/bench/README.md does not say %q", want)
		}
	}
}

// TestFrontsAreTheMeasured: test/bench has the latency from each mail server on a front.
func TestFrontsAreTheMeasured(t *testing.T) {
	text := read(t, "test/bench/README.md")
	rows := measured(t)
	for front, row := range map[string]string{
		"Postfix, virtual(8)": "postfix-virtual", "Postfix, local(8) by virtual_alias_maps": "postfix-maps",
		"Postfix, local(8) by aliases": "postfix-aliases", "Postfix, local(8) by luser_relay": "postfix-luser",
		"Postfix, local(8) that forwards": "postfix-forward", "Dovecot's LMTP": "dovecot", "OpenSMTPD": "opensmtpd", "Exim": "exim",
	} {
		_, note, found := strings.Cut(rows["standing-"+row]["note"], "median ")
		median, within, _ := strings.Cut(note, " ms, 90 of 100 within ")
		within, _, _ = strings.Cut(within, " ms,")
		if want := "| " + front + " | " + median + " | " + within + " |\n"; !found || !strings.Contains(text, want) {
			t.Errorf("test/bench/README.md does not say %q", want)
		}
	}
}

// TestMachinesQuotesTheMeasured: the figures from which MACHINES computes others are the
// stored results.
func TestMachinesQuotesTheMeasured(t *testing.T) {
	prose := strings.Join(strings.Fields(read(t, "MACHINES")), " ")
	rows := measured(t)
	crowd, poll := rows["standing-5000"], rows["poll"]
	_, latency, _ := strings.Cut(crowd["note"], "each within ")
	median, slowest, _ := strings.Cut(latency, " ms by the median, slowest ")
	slowest, _, _ = strings.Cut(slowest, " ms;")
	hour := number(t, crowd["cpu_seconds"])
	for _, want := range []string{
		fmt.Sprintf("PSS %.2f MiB each", number(t, crowd["pss_kib"])/1024),
		"arrived after " + median + " ms by the median, the last after " + slowest + " ms",
		fmt.Sprintf("%.3f s an hour", hour),
		fmt.Sprintf("took %.1f s of processor a minute", hour*5000/60),
		fmt.Sprintf("costs %.1f ms of processor", number(t, poll["cpu_seconds"])),
	} {
		if !strings.Contains(prose, want) {
			t.Errorf("MACHINES does not say %q", want)
		}
	}
}

// checkSpeeds compares the table cell by cell.
func checkSpeeds(t *testing.T, part string, rows map[string]map[string]string) {
	t.Helper()
	const head = "| round trip | nothing | PIPELINING | PIPELINING and CHUNKING |\n|---|---|---|---|\n"
	_, table, found := strings.Cut(part, head)
	table, _, _ = strings.Cut(table, "\n\n")
	lines := strings.Split(table, "\n")
	if !found || len(lines) != 4 {
		t.Fatalf("test/bench/README.md has no such table of 4 lines, but\n%s", table)
	}
	for _, line := range lines {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if len(cells) != 4 {
			t.Fatalf("line %q", line)
		}
		for i, mode := range []string{"nothing", "pipelining", "chunking"} {
			name := mode + "-" + strings.ReplaceAll(cells[0], " ", "") + "-4k"
			if stored := rows[name]["messages_per_second"]; !rounded(t, cells[i+1], stored) {
				t.Errorf("%s: test/bench/README.md has %s, not %s", name, cells[i+1], stored)
			}
		}
	}
}

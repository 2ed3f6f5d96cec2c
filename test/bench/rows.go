package main

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A row is one thing to measure; it may give several results.
type row struct {
	name, about string
	run         func(*bench, row) ([]result, error)
}

// rows are all rows, in the order of the table.
func rows() []row {
	list := []row{
		{"floor-4k", "the floor program: list, open, read, write to a socket, unlink; 4 KiB", runFloor},
		{"floor-1m", "the same, 1 MiB", runFloor},
	}
	for _, size := range []string{"4k", "1m"} {
		for _, rtt := range []int{0, 20, 100, 600} {
			for _, mode := range modes() {
				list = append(list, delayed(fmt.Sprintf("%s-%dms-%s", mode.name, rtt, size)))
			}
		}
	}
	list = append(list,
		row{"copies-nothing", "100 messages of 4 KiB with 50 recipients each", runCopies},
		row{"copies-pipelining", "the same", runCopies},
		row{"copies-chunking", "the same", runCopies},
		row{"copies-chunking-1m", "4 messages of 1 MiB with 50 recipients each", runCopies},
		row{slowRow, "300 messages of 4 KiB in a Maildir on a file system whose calls take 2 ms", runSlow},
		row{"million", "1,000,000 files wait, the customer takes 20,000; and 20 Maildirs of 1000", runMillion},
		row{"gigabyte", "one message of 1 GiB", runGigabyte},
		row{"idle", "50 sessions through the whole chain, logged in: memory", runIdle},
		row{"standing-latency", "100 messages, one at a time, into a standing session", runLatency},
		row{"door-dictionary", "the same, while 50 askers go through 10,000 unknown recipients", runDictionary},
		row{"standing-idle", "1000 standing sessions: memory, processor time, a message to each", runStanding},
		row{"standing-5000", "5000 standing sessions: the same, with threads, and the latency of a message to each", runStanding},
		row{"poll", "1000 sessions for whom nothing waits, one after the other: connect to 453", runPoll},
		row{"session-453", "a session without mail, up to 453; with -B against an earlier commit", runEmptySession},
		row{"start", "start-up of vodmr and vodmr-relay against an empty Go program", runStart})
	return append(list, frontRows()...)
}

// split separates the rows that need root from the others.
func split(rows []row) (fronts, others []row) {
	for _, r := range rows {
		if r.isFront() {
			fronts = append(fronts, r)
		} else {
			others = append(others, r)
		}
	}
	return fronts, others
}

// delayed makes a MODE-RTT-SIZE row.
func delayed(name string) row {
	d, _ := parseDelayed(name)
	about := fmt.Sprintf("a customer that offers %s, round trip %v", d.mode.says, d.rtt)
	return row{name, about, runDelayed}
}

// choose finds the named rows, or all rows if none is named.
func choose(names []string) ([]row, error) {
	if len(names) == 0 {
		return rows(), nil
	}
	var list []row
	for _, name := range names {
		r, err := find(name)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

func find(name string) (row, error) {
	for _, r := range rows() {
		if r.name == name {
			return r, nil
		}
	}
	if _, err := parseDelayed(name); err != nil {
		return row{}, err
	}
	return delayed(name), nil
}

func printRows(w io.Writer) {
	for _, r := range rows() {
		fmt.Fprintf(w, "%-24s %s\n", r.name, r.about)
	}
}

// A mode is the set of extensions that a customer's server offers.
type mode struct {
	name, says           string
	pipelining, chunking bool
	trips                int // round trips a message, approximately; 0 if many messages share a trip
}

func modes() []mode {
	return []mode{
		{name: "nothing", says: "nothing", trips: 4},
		{name: "pipelining", says: "PIPELINING", pipelining: true, trips: 1},
		{name: "chunking", says: "PIPELINING and CHUNKING", pipelining: true, chunking: true},
	}
}

func modeNamed(name string) (mode, bool) {
	for _, m := range modes() {
		if m.name == name {
			return m, true
		}
	}
	return mode{}, false
}

// A delayedRow is the parsed name of a MODE-RTT-SIZE row.
type delayedRow struct {
	mode mode
	rtt  time.Duration
	size int
}

func parseDelayed(name string) (d delayedRow, err error) {
	match := regexp.MustCompile(`^([a-z]+)-(\d{1,5})ms-(\d{1,4})([km])$`).FindStringSubmatch(name)
	known := false
	if match != nil {
		d.mode, known = modeNamed(match[1])
	}
	if !known {
		return d, fmt.Errorf("no row has the name %q; -l lists them, and others have the form chunking-250ms-16k", name)
	}
	ms, _ := strconv.Atoi(match[2])
	d.rtt = time.Duration(ms) * time.Millisecond
	d.size = sizeNamed(match[3] + match[4])
	return d, nil
}

// sizeNamed parses 4k or 1m.
func sizeNamed(s string) int {
	n, _ := strconv.Atoi(s[:len(s)-1])
	if strings.HasSuffix(s, "m") {
		return n << 20
	}
	return n << 10
}

// messagesFor chooses how many messages a row sends: enough to measure, and few
// enough to take some ten seconds.
func (d delayedRow) messagesFor() int {
	large := d.size > 64<<10
	switch {
	case d.rtt == 0 && large:
		return 200
	case d.rtt == 0:
		return 10000
	case d.mode.chunking && large:
		return 100
	case d.mode.chunking:
		return 1000
	}
	n := int(10 * time.Second / (d.rtt * time.Duration(d.mode.trips)))
	if large {
		n = min(n/2, 100)
	}
	return min(max(n, 5), 1000)
}

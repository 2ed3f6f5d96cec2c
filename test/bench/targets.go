package main

import (
	"fmt"
	"io"
)

// A target is a figure that vodmr should reach, and the row that measures it.
type target struct {
	what, want string
	row        string
	measured   func(result) string
}

func targets() []target {
	seconds := func(r result) string { return fmt.Sprintf("%.2f s", r.seconds) }
	trips := func(r result) string { return fmt.Sprintf("%.3f round trips a message", r.trips) }
	wire := func(r result) string {
		return fmt.Sprintf("%.3f x (%d of %d bytes)", float64(r.wire)/float64(r.ideal), r.wire, r.ideal)
	}
	start := func(r result) string { return fmt.Sprintf("%.2f x by wall clock; %s", r.ratio, r.note) }
	return []target{
		{"4 KiB, no round trip, CHUNKING", ">= 0.5 of the floor", "chunking-0ms-4k",
			func(r result) string { return orNot(r.floor, "%.2f of the floor; ") + r.note }},
		{"1000 x 4 KiB, 100 ms, CHUNKING", "<= 2.0 s", "chunking-100ms-4k", seconds},
		{"1000 x 4 KiB, 600 ms, CHUNKING", "<= 11 s", "chunking-600ms-4k", seconds},
		{"PIPELINING only, 100 ms", "<= 1.1 round trips a message", "pipelining-100ms-4k", trips},
		{"nothing offered, 100 ms", "<= 4.1 round trips a message", "nothing-100ms-4k", trips},
		{"100 messages with 50 recipients each", "<= 1.1 x (100 copies + the RCPT lines)", "copies-chunking", wire},
		{"one 1 GiB message", "peak <= 24 MiB", "gigabyte", mebibytes},
		{"1,000,000 files waiting", "first MAIL <= 3 s", "million",
			func(r result) string { return fmt.Sprintf("%.2f s", r.firstMAIL) }},
		{"the same", "peak <= 64 MiB", "million", mebibytes},
		{"the same", "a message <= 1.3 x of 1000 files", "million",
			func(r result) string { return orNot(r.ratio, "%.2f x") }},
		{"50 idle sessions, logged in", "<= 2.5 MiB each", "idle",
			func(r result) string { return orNot(r.pss/1024, "%.2f MiB; ") + r.note }},
		{"new mail into a standing session", "median <= 250 ms", "standing-latency",
			func(r result) string { return r.note }},
		{"1000 standing sessions", "<= 2.5 MiB each; a message to each <= 10 s", "standing-idle",
			func(r result) string { return orNot(r.pss/1024, "%.2f MiB; ") + r.note }},
		{"start of vodmr", "<= 1.25 x an empty Go program", "start-vodmr", start},
		{"the same without GOMAXPROCS=1", "(no target: no service runs it so)", "start-vodmr-bare", start},
		{"start of vodmr-relay", "<= 1.25 x an empty Go program", "start-vodmr-relay", start},
	}
}

func mebibytes(r result) string { return orNot(float64(r.peak)/1024, "%.1f MiB") }

func orNot(f float64, format string) string {
	if f == 0 {
		return "not measured"
	}
	return fmt.Sprintf(format, f)
}

// printTargets prints the targets beside the measured figures; it does not judge.
func printTargets(w io.Writer, results []result) {
	fmt.Fprintf(w, "\n%-38s %-40s %s\n", "what", "target", "measured")
	for _, t := range targets() {
		for _, r := range results {
			if r.row == t.row {
				fmt.Fprintf(w, "%-38s %-40s %s\n", t.what, t.want, t.measured(r))
			}
		}
	}
}

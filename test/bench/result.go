package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A result is one line of the table. A figure that was not measured is zero.
type result struct {
	row, mode        string
	messages, copies int
	size             int64 // bytes of each file
	rtt              time.Duration
	bandwidth        int64 // bytes a second; 0 for no limit
	seconds          float64
	rate             float64 // files a second
	trips            float64 // round trips a message
	wire, replies    int64   // bytes from the provider, and from the customer
	ideal            int64   // the minimum of wire: one copy a message, and the RCPT lines
	peak             int64   // KiB of vodmr-relay
	floor            float64 // ratio to the floor's rate for this size
	firstMAIL        float64 // seconds after ATRN
	cost             float64 // microseconds a file, after the first MAIL
	pss              float64 // KiB a session, both programs together
	wall             float64 // milliseconds a start
	cpu              float64 // seconds of the program, in user and system mode
	ratio            float64 // ratio to the row that this one is compared with
	note             string
}

func newResult(m mail, mode mode, l *link, o outcome) result {
	r := result{
		mode: mode.says, messages: m.messages, copies: m.copies, size: int64(m.size),
		rtt: 2 * l.delay, bandwidth: l.bandwidth, seconds: o.seconds,
		rate: float64(m.files()) / o.seconds, wire: o.wire, replies: o.replies,
		ideal: m.ideal(), peak: o.peak, firstMAIL: o.firstMAIL, cpu: o.cpu,
	}
	if l.delay > 0 && m.messages > 0 {
		r.trips = float64(o.trips) / float64(m.messages)
	}
	return r
}

// relateToFloor computes the ratio to the floor of the same size, if that was
// measured and the row has no floor of its own.
func (b *bench) relateToFloor(r *result) {
	if r.floor > 0 {
		return
	}
	for _, f := range b.results {
		if strings.HasPrefix(f.row, "floor-") && f.size == r.size && f.rate > 0 {
			r.floor = r.rate / f.rate
		}
	}
}

// A column is one of the CSV's columns; the table shows it if it has a width.
type column struct {
	name, head string
	width      int
	value      func(result) string
}

func columns() []column {
	return []column{
		{"row", "row", -24, func(r result) string { return r.row }},
		{"mode", "", 0, func(r result) string { return r.mode }},
		{"messages", "messages", 9, func(r result) string { return whole(int64(r.messages)) }},
		{"size", "bytes", 11, func(r result) string { return whole(r.size) }},
		{"copies", "copies", 6, func(r result) string { return whole(int64(r.copies)) }},
		{"rtt_ms", "", 0, func(r result) string { return strconv.FormatInt(r.rtt.Milliseconds(), 10) }},
		{"bandwidth", "", 0, func(r result) string { return whole(r.bandwidth) }},
		{"seconds", "seconds", 8, func(r result) string { return decimal(r.seconds, 3) }},
		{"cpu_seconds", "cpu s", 7, func(r result) string { return decimal(r.cpu, 3) }},
		{"messages_per_second", "msg/s", 9, func(r result) string { return decimal(r.rate, 1) }},
		{"round_trips", "trips/msg", 9, func(r result) string { return decimal(r.trips, 3) }},
		{"wire_bytes", "wire bytes", 12, func(r result) string { return whole(r.wire) }},
		{"reply_bytes", "replies", 9, func(r result) string { return whole(r.replies) }},
		{"ideal_bytes", "", 0, func(r result) string { return whole(r.ideal) }},
		{"peak_kib", "peak KiB", 8, func(r result) string { return whole(r.peak) }},
		{"floor_ratio", "x floor", 8, func(r result) string { return decimal(r.floor, 4) }},
		{"first_mail_seconds", "", 0, func(r result) string { return decimal(r.firstMAIL, 4) }},
		{"microseconds_per_message", "", 0, func(r result) string { return decimal(r.cost, 1) }},
		{"pss_kib", "", 0, func(r result) string { return decimal(r.pss, 0) }},
		{"start_milliseconds", "", 0, func(r result) string { return decimal(r.wall, 3) }},
		{"ratio", "", 0, func(r result) string { return decimal(r.ratio, 3) }},
		{"note", " ", -1, func(r result) string { return r.note }},
	}
}

func whole(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func decimal(f float64, digits int) string {
	if f == 0 {
		return ""
	}
	return strconv.FormatFloat(f, 'f', digits, 64)
}

func printHead(w io.Writer) {
	printLine(w, func(c column) string { return c.head })
}

func printResult(w io.Writer, r result) {
	printLine(w, func(c column) string { return c.value(r) })
}

func printLine(w io.Writer, cell func(column) string) {
	var line strings.Builder
	for _, c := range columns() {
		if c.width != 0 {
			fmt.Fprintf(&line, "%*s ", c.width, cell(c))
		}
	}
	fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
}

// write writes the CSV and the plot into the work folder.
func (b *bench) write() error {
	if err := os.WriteFile(filepath.Join(b.work, "results.csv"), table(b.results), 0o644); err != nil {
		return err
	}
	svg, err := picture(b.results)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.work, "results.svg"), svg, 0o644)
}

// table makes the CSV.
func table(results []result) []byte {
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	var head []string
	for _, c := range columns() {
		head = append(head, c.name)
	}
	_ = w.Write(head)
	for _, r := range results {
		var line []string
		for _, c := range columns() {
			line = append(line, c.value(r))
		}
		_ = w.Write(line)
	}
	w.Flush()
	return text.Bytes()
}

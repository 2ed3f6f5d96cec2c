package listing

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// metrics prints sums in Prometheus' text format, in which all lines of one metric stand
// together: so nothing is printed before the end.
type metrics struct {
	out      io.Writer
	boxes    []totals
	failures []string // arguments that could not be listed
}

func (m *metrics) begin(string)      {}
func (m *metrics) message(row)       {}
func (m *metrics) end(t totals)      { m.boxes = append(m.boxes, t) }
func (m *metrics) failed(arg string) { m.failures = append(m.failures, arg) }
func (m *metrics) overall(totals)    {}

// A metric is one of them. Their names are promised in vodmr-qread(8).
type metric struct {
	name, help string
	value      func(totals) int64
}

func allMetrics() []metric {
	return []metric{
		{"vodmr_messages", "Messages that wait.", func(t totals) int64 { return t.Messages }},
		{"vodmr_bytes", "Size of the messages that wait, in bytes.", func(t totals) int64 { return t.Bytes }},
		{"vodmr_oldest_seconds", "Age of the oldest message that waits; 0 if none waits.", func(t totals) int64 { return t.Oldest }},
		{"vodmr_tried", "Messages that were offered and had to stay.", func(t totals) int64 { return t.Tried }},
		{"vodmr_unreadable", "Messages without an envelope that could be read.", func(t totals) int64 { return t.Unread }},
		{"vodmr_fetched_timestamp_seconds", "When the customer's last session ended cleanly; 0 for never.", func(t totals) int64 { return t.state.Fetched }},
		{"vodmr_standing", "1 if there is a standing session.", func(t totals) int64 { return oneIf(t.state.Standing) }},
		{"vodmr_refusing", "1 if the customer's server refuses everything, so that nothing bounces.", func(t totals) int64 { return oneIf(t.state.Refusing) }},
		{"vodmr_bounced", "Failure notices in the current day.", func(t totals) int64 { return int64(t.state.Bounced) }},
	}
}

func oneIf(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

func (m *metrics) finish() {
	for _, metric := range allMetrics() {
		m.head(metric.name, metric.help)
		for _, box := range m.boxes {
			fmt.Fprintf(m.out, "%s{login=%s,maildir=%s} %d\n", metric.name, label(box.Login), label(box.Maildir), metric.value(box))
		}
	}
	m.head("vodmr_failed", "1 for each argument that could not be listed.")
	for _, arg := range m.failures {
		fmt.Fprintf(m.out, "vodmr_failed{argument=%s} 1\n", label(arg))
	}
}

func (m *metrics) head(name, help string) {
	fmt.Fprintf(m.out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name)
}

// label quotes a label's value. The format wants UTF-8.
func label(value string) string {
	if !utf8.ValidString(value) {
		value = visible(value)
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value) + `"`
}

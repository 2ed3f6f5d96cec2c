package fetch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"vodmr/internal/sys"
)

// Metrics keep a file in Prometheus' text format, for node_exporter's textfile collector,
// that says how the visits go. It is replaced as a whole, so nobody reads half of one. Its
// counters go on from the file that is there, because each visit may be a program of its own.
// A nil Metrics does nothing.
type Metrics struct {
	File     string
	Provider string
	Login    string
	Warn     func(error) // told once of each row of failures to write

	sums   sums
	read   bool // File was read
	failed bool // the last write failed
}

// sums are what the file holds between two visits.
type sums struct {
	visits, failures         int64
	messages, bytes, refused int64
	fetched, visited         int64 // seconds since 1970: the last good visit, and the last one
	exit                     int64
	standing                 int64
}

// MetricsEvery is how often the file is written while a session lasts.
const MetricsEvery = 15 * time.Second

// Watch keeps the file up to date during a visit. stop is called with its end.
func (m *Metrics) Watch(t *Tally) (stop func(err error)) {
	if m == nil {
		return func(error) {}
	}
	m.begin()
	written := false
	ended := during(0, func() time.Duration {
		c := t.Now()
		if !written || c.Turned() {
			m.write(m.sums.during(c))
			written = true
		}
		if c.Turned() {
			return MetricsEvery
		}
		return time.Second // so that the turn is seen soon
	})
	return func(err error) {
		ended()
		m.sums = m.sums.after(t.Now(), err)
		m.write(m.sums)
	}
}

// during is the sums while a session lasts. One that has turned is a fetch that goes well.
func (s sums) during(c Counts) sums {
	s.messages += c.Messages
	s.bytes += c.Bytes
	s.refused += c.Refused
	if c.Turned() {
		s.standing, s.fetched = 1, time.Now().Unix()
	}
	return s
}

// after is the sums once the session has ended.
func (s sums) after(c Counts, err error) sums {
	now := time.Now().Unix()
	s = s.during(c)
	s.visits++
	s.visited, s.exit, s.standing = now, int64(ExitCode(err)), 0
	if err == nil {
		s.fetched = now
	} else {
		s.failures++
	}
	return s
}

// A metricLine is one of the file's metrics. The names are promised in atrn(1).
type metricLine struct {
	name, kind, help string
	value            *int64
}

func (s *sums) lines() []metricLine {
	return []metricLine{
		{"atrn_visits_total", "counter", "Sessions with the provider that have ended.", &s.visits},
		{"atrn_failures_total", "counter", "Those of them that failed.", &s.failures},
		{"atrn_messages_total", "counter", "Messages that the receiving side took.", &s.messages},
		{"atrn_bytes_total", "counter", "Size of these messages, in bytes.", &s.bytes},
		{"atrn_refused_total", "counter", "Messages that the receiving side refused.", &s.refused},
		{"atrn_fetched_timestamp_seconds", "gauge", "When a session last went well, or had turned; 0 for never.", &s.fetched},
		{"atrn_visited_timestamp_seconds", "gauge", "When a session last ended; 0 for never.", &s.visited},
		{"atrn_exit_code", "gauge", "The exit code for the session that ended last, as in atrn(1).", &s.exit},
		{"atrn_standing", "gauge", "1 while a session has turned.", &s.standing},
	}
}

// begin reads what an earlier atrn has written.
func (m *Metrics) begin() {
	if m.read {
		return
	}
	m.read = true
	text, err := sys.ReadFile(m.File)
	if err != nil {
		return
	}
	for line := range strings.Lines(string(text)) {
		m.sums.take(line)
	}
	m.sums.standing = 0
}

// take reads one line of an earlier file.
func (s *sums) take(line string) {
	name, _, labelled := strings.Cut(line, "{")
	end := strings.LastIndexByte(line, ' ')
	if !labelled || end < 0 {
		return
	}
	value, err := strconv.ParseInt(strings.TrimSpace(line[end:]), 10, 64)
	if err != nil || value < 0 {
		return
	}
	for _, l := range s.lines() {
		if l.name == name {
			*l.value = value
		}
	}
}

// write replaces the file.
func (m *Metrics) write(s sums) {
	err := m.replace(s)
	if err != nil && !m.failed {
		m.Warn(fmt.Errorf("cannot write the metrics of -M: %w", err))
	}
	m.failed = err != nil
}

func (m *Metrics) replace(s sums) error {
	// The collector reads only names that end in .prom.
	file, err := os.CreateTemp(filepath.Dir(m.File), filepath.Base(m.File)+".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // unless it gets its name
	// A full disk must not cost the file that is there.
	if err = errors.Join(m.print(file, s), file.Chmod(0o644), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), m.File)
}

func (m *Metrics) print(w io.Writer, s sums) error {
	var text strings.Builder
	for _, l := range s.lines() {
		fmt.Fprintf(&text, "# HELP %s %s\n# TYPE %s %s\n%s{provider=%s,login=%s} %d\n",
			l.name, l.help, l.name, l.kind, l.name, metricLabel(m.Provider), metricLabel(m.Login), *l.value)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// metricLabel quotes a label's value. The format wants UTF-8.
func metricLabel(value string) string {
	value = strings.ToValidUTF8(value, "?")
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value) + `"`
}

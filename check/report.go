package check

import (
	"io"
	"strconv"
	"strings"
)

// A verdict is the first word of a line.
type verdict string

const (
	fine     verdict = "ok"
	wrong    verdict = "wrong"
	doubtful verdict = "doubtful"
)

// A diagnosis is what can be wrong or doubtful, in the words that a line says it
// with. The catalogue has the verdict and what to do.
type diagnosis string

// A finding is one line of the report.
type finding struct {
	verdict verdict
	subject string
	what    diagnosis // "" where all is well
	detail  string
	advice  string
}

// line is the finding as it is printed, without a line end. Nothing in it can
// forge a line or move a terminal's cursor.
func (f finding) line() string {
	line := string(f.verdict) + " " + f.subject + ": "
	if f.what == "" {
		return printable(line + f.detail)
	}
	line += string(f.what)
	if f.detail != "" {
		line += " (" + f.detail + ")"
	}
	return printable(line + ": " + f.advice)
}

// printable shows what is no printable ASCII character as in a Go string.
func printable(s string) string {
	quoted := strconv.QuoteToASCII(s)
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(quoted[1 : len(quoted)-1])
}

// A report collects findings and prints them as they come.
type report struct {
	out      io.Writer
	err      error // the first that writing met
	findings []finding
	known    map[diagnosis]entry
}

func newReport(out io.Writer) *report {
	r := &report{out: out, known: map[diagnosis]entry{}}
	for _, e := range catalogue() {
		r.known[e.what] = e
	}
	return r
}

// fine reports that a subject is as it should be.
func (r *report) fine(subject, text string) {
	r.add(finding{verdict: fine, subject: subject, detail: text})
}

// say reports what is the matter with a subject.
func (r *report) say(subject string, what diagnosis, detail string) {
	e := r.known[what]
	r.add(finding{e.verdict, subject, what, detail, e.advice})
}

func (r *report) add(f finding) {
	r.findings = append(r.findings, f)
	r.print(f.line())
}

// print writes a line.
func (r *report) print(line string) {
	if r.err == nil {
		_, r.err = io.WriteString(r.out, line+"\n")
	}
}

// count is how many lines have a verdict.
func (r *report) count(v verdict) int {
	n := 0
	for _, f := range r.findings {
		if f.verdict == v {
			n++
		}
	}
	return n
}

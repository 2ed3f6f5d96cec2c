package check

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// A severity is the first word of a line.
type severity string

const (
	fine     severity = "ok"
	wrong    severity = "wrong"
	doubtful severity = "doubtful"
)

// A kind is one thing that a check can find: the severity, the sentence, and the advice,
// with " | " between them. It stands here once: the report, the manual page and the tests
// take it from its constant.
type kind string

func (k kind) split() (s severity, sentence, advice string) {
	first, rest, _ := strings.Cut(string(k), " | ")
	sentence, advice, _ = strings.Cut(rest, " | ")
	return severity(first), sentence, advice
}

// A finding is one line of the report.
type finding struct {
	check    string // the name of the check that found it
	severity severity
	subject  string
	kind     kind // "" if all is well
	detail   string
}

// line is the finding as it is printed, without a line end. Nothing in it can
// forge a line or move a terminal's cursor.
func (f finding) line() string {
	line := string(f.severity) + " " + f.subject + ": "
	if f.kind == "" {
		return printable(line + f.detail)
	}
	_, sentence, advice := f.kind.split()
	line += sentence
	if f.detail != "" {
		line += " (" + f.detail + ")"
	}
	return printable(line + ": " + advice)
}

// printable quotes all but printable ASCII characters, as in a Go string.
func printable(s string) string {
	quoted := strconv.QuoteToASCII(s)
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(quoted[1 : len(quoted)-1])
}

// A report collects findings and prints them as they come.
type report struct {
	out      io.Writer
	err      error // the first that writing met
	check    string
	findings []finding
}

// ok reports that a subject is as it should be.
func (r *report) ok(subject, text string) {
	r.add(finding{r.check, fine, subject, "", text})
}

// say reports what is wrong or doubtful about a subject.
func (r *report) say(subject string, k kind, detail string) {
	s, _, _ := k.split()
	r.add(finding{r.check, s, subject, k, detail})
}

// sayIf says it if that was found.
func (r *report) sayIf(found bool, subject string, k kind, detail string) {
	if found {
		r.say(subject, k, detail)
	}
}

// okIf reports that a subject is as it should be, if it is.
func (r *report) okIf(sound bool, subject, text string) {
	if sound {
		r.ok(subject, text)
	}
}

// failed says that something went wrong with a subject, if there is an error, and reports if
// there is one.
func (r *report) failed(err error, subject string, k kind) bool {
	if err != nil {
		r.say(subject, k, err.Error())
	}
	return err != nil
}

// add adds a finding, once: two domains or logins may share a mail server's transport.
func (r *report) add(f finding) {
	if f.kind != "" && slices.Contains(r.findings, f) {
		return
	}
	r.findings = append(r.findings, f)
	r.print(f.line())
}

// print writes a line.
func (r *report) print(line string) {
	if r.err == nil {
		_, r.err = io.WriteString(r.out, line+"\n")
	}
}

// printf writes a line of text that is not all our own.
func (r *report) printf(format string, args ...any) {
	r.print(printable(fmt.Sprintf(format, args...)))
}

// count is how many findings have a severity.
func (r *report) count(s severity) int {
	n := 0
	for _, f := range r.findings {
		if f.severity == s {
			n++
		}
	}
	return n
}

// faults is how many findings are wrong or doubtful.
func (r *report) faults() int { return r.count(wrong) + r.count(doubtful) }

// said reports if a kind was found already.
func (r *report) said(k kind) bool {
	return slices.ContainsFunc(r.findings, func(f finding) bool { return f.kind == k })
}

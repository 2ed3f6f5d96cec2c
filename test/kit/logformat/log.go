package logformat

import (
	"regexp"
	"strings"
)

// CheckLog returns the errors in the log of a whole chain: if the page describes the
// program of a line, the line must have a form there. Lines of other programs are
// ignored.
func (f Forms) CheckLog(log string) (wrong []error) {
	lines := append(strings.SplitAfter(log, "\n"), "")
	for i, next := range lines[1:] {
		if err := f.checkLine(lines[i], next); err != nil {
			wrong = append(wrong, err)
		}
	}
	return wrong
}

// name returns the program name at the start of a line.
var name = regexp.MustCompile(`^[a-z-]*`)

func (f Forms) checkLine(line, next string) error {
	program := name.FindString(line)
	if !f.has(program) || isMisuse(program, line, next) || isTrace(program, line) {
		return nil
	}
	return f.Check(line)
}

// isTrace reports if a line names a function of ours, as Go's runtime does if it cannot go on.
func isTrace(program, line string) bool { return strings.HasPrefix(line, program+"/") }

// isMisuse reports if a line complains about a command line: then the usage follows
// in the same write.
func isMisuse(program, line, next string) bool {
	return strings.HasPrefix(line, program+": ") && strings.HasPrefix(next, "usage: "+program+" ")
}

// stamp matches the time that multilog, s6-log or svlogd writes before a line.
var stamp = regexp.MustCompile(`(?m)^(@[0-9a-f]{24}|[0-9]{4}-[0-9]{2}-[0-9]{2}_[0-9:.]+) `)

func unstamped(log string) string { return stamp.ReplaceAllString(log, "") }

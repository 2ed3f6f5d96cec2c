package logformat

import (
	"regexp"
	"strings"
)

// CheckLog says what is wrong with the log of a whole chain: each line of a program
// that the page describes must have a form there. What others say is passed over.
func (f Forms) CheckLog(log string) (wrong []error) {
	lines := append(strings.SplitAfter(log, "\n"), "")
	for i, next := range lines[1:] {
		if err := f.checkLine(lines[i], next); err != nil {
			wrong = append(wrong, err)
		}
	}
	return wrong
}

// name is the one that a line begins with.
var name = regexp.MustCompile(`^[a-z-]*`)

func (f Forms) checkLine(line, next string) error {
	program := name.FindString(line)
	if !f.has(program) || isMisuse(program, line, next) {
		return nil
	}
	return f.Check(line)
}

// isMisuse says whether a line tells what is wrong with a command line: the usage
// follows in the same write.
func isMisuse(program, line, next string) bool {
	return strings.HasPrefix(line, program+": ") && strings.HasPrefix(next, "usage: "+program+" ")
}

// stamp is the time that multilog, s6-log or svlogd writes before a line.
var stamp = regexp.MustCompile(`(?m)^(@[0-9a-f]{24}|[0-9]{4}-[0-9]{2}-[0-9]{2}_[0-9:.]+) `)

func unstamped(log string) string { return stamp.ReplaceAllString(log, "") }

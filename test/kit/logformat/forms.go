package logformat

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Forms are the lines that the manual page allows: for each program and event, the
// lists of keys that may follow.
type Forms map[string][][]string

// heading belongs to the section that contains a literal block with one form a line:
//
//	PROGRAM EVENT key [optional] ...
const heading = ".Ss All forms"

// Read extracts the forms from the source of the manual page.
func Read(path string) (Forms, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	_, after, found := strings.Cut(string(text), "\n"+heading+"\n")
	_, after, began := strings.Cut(after, ".Bd -literal\n")
	block, _, ended := strings.Cut(after, ".Ed\n")
	if !found || !began || !ended {
		return nil, fmt.Errorf("%s: no literal block below %q", path, heading)
	}
	forms := Forms{}
	for line := range strings.Lines(block) {
		words := strings.Fields(line)
		if len(words) < 3 {
			return nil, fmt.Errorf("%s: %q is no form", path, line)
		}
		name := words[0] + " " + words[1]
		forms[name] = append(forms[name], words[2:])
	}
	return forms, nil
}

// Page returns the path of the manual page from any folder of the project.
func Page() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "man", "vodmr-log.5"), nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = up
	}
}

// Events returns the events for which a program has a form.
func (f Forms) Events(program string) map[string]bool {
	events := map[string]bool{}
	for name := range f {
		if event, ok := strings.CutPrefix(name, program+" "); ok {
			events[event] = true
		}
	}
	return events
}

// has reports if there are any forms for a program.
func (f Forms) has(program string) bool { return len(f.Events(program)) > 0 }

const (
	maxLine = 1000 // bytes, with the newline
	// If a line is at least this long, its last keys may have been cut off.
	nearlyFull = 850
)

// takesArgument lists the programs that log their argument in place of the session.
var takesArgument = map[string]bool{"vodmr-expire": true, "vodmr-qread": true}

// Check returns an error if a line, its newline included, has no known form.
func (f Forms) Check(text string) error {
	if len(text) > maxLine {
		return fmt.Errorf("%d bytes: %q", len(text), text)
	}
	l, err := Parse(text)
	if err != nil {
		return err
	}
	if !takesArgument[l.Program] && strings.Trim(l.Session, "0123456789") != "" {
		return fmt.Errorf("%q: %q is no process id", text, l.Session)
	}
	for _, form := range f[l.Program+" "+l.Event] {
		if fits(l.Fields, form, len(text) >= nearlyFull) {
			return checkValues(l)
		}
	}
	return fmt.Errorf("%q has no form that vodmr-log(5) gives", text)
}

// fits reports if the keys are those of a form, in the same order.
func fits(fields []Field, form []string, cut bool) bool {
	for _, want := range form {
		key := strings.Trim(want, "[]")
		switch {
		case len(fields) > 0 && fields[0].Key == key:
			fields = fields[1:]
		case key == want && !(cut && len(fields) == 0):
			return false
		}
	}
	return len(fields) == 0
}

// checkValues checks the values as the section about keys describes them.
func checkValues(l Line) error {
	for _, f := range l.Fields {
		ok := true
		switch f.Key {
		case "bounced", "deferred", "messages", "seconds", "stays", "damaged", "bytes":
			_, err := strconv.ParseInt(f.Value, 10, 64)
			ok = err == nil
		case "from", "to", "sentto":
			cut := strings.HasSuffix(f.Value, "...")
			ok = strings.HasPrefix(f.Value, "<") && (cut || strings.HasSuffix(f.Value, ">"))
		}
		if !ok {
			return fmt.Errorf("%s=%q in a line of %s", f.Key, f.Value, l.Program)
		}
	}
	return nil
}

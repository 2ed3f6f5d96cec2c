package install

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A command is one of INSTALL's, with the output that INSTALL shows.
type command struct {
	line     int    // in INSTALL
	requires string // the word before the sign: front, customer, or what only some sites have
	root     bool
	text     string
	want     []string
}

// A step is a numbered step of a part; 0 is the text before and between the steps.
type step struct {
	commands []command
	others   []place // the steps to follow here
}

// A place is a part and a step in it.
type place struct{ part, step int }

var (
	partLine    = regexp.MustCompile(`^Part ([1-9][0-9]?): `)
	stepLine    = regexp.MustCompile(`^ ?([0-9]+)\. (.*)`)
	commandLine = regexp.MustCompile(`^( {4,8})([a-z]*)([#$]) (.*)`)
	otherSteps  = regexp.MustCompile(`Do steps? ([0-9 ,and]+) of part ([1-9][0-9]?)`)
	number      = regexp.MustCompile(`[0-9]+`)
)

// readSteps reads INSTALL.
func readSteps(t *testing.T) map[place][]step {
	t.Helper()
	text, err := os.ReadFile("../../INSTALL")
	if err != nil {
		t.Fatal(err)
	}
	r := stepReader{t: t, lines: strings.Split(string(text), "\n"), steps: map[place][]step{}}
	for r.next < len(r.lines) {
		r.read()
	}
	return r.steps
}

type stepReader struct {
	t     *testing.T
	lines []string
	next  int
	at    place
	steps map[place][]step
}

// read reads a line, or a command with everything that belongs to it.
func (r *stepReader) read() {
	line := r.lines[r.next]
	r.next++
	if m := partLine.FindStringSubmatch(line); m != nil {
		r.at = place{part: atoi(m[1])}
	} else if m := stepLine.FindStringSubmatch(line); m != nil {
		r.at.step = atoi(m[1])
	} else if m := commandLine.FindStringSubmatch(line); m != nil {
		r.add(step{commands: []command{r.command(m)}})
	}
	if m := otherSteps.FindStringSubmatch(line); m != nil {
		var s step
		for _, n := range number.FindAllString(m[1], -1) {
			s.others = append(s.others, place{atoi(m[2]), atoi(n)})
		}
		r.add(s)
	}
}

func (r *stepReader) add(s step) { r.steps[r.at] = append(r.steps[r.at], s) }

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

var hereDocument = regexp.MustCompile(`<<'?end'?$`)

// command reads on until the shell would not wait for more input, and then the
// output.
func (r *stepReader) command(m []string) command {
	r.t.Helper()
	indent := m[1]
	c := command{line: r.next, requires: m[2], root: m[3] == "#", text: m[4]}
	more := func() string {
		if r.next == len(r.lines) {
			r.t.Fatalf("INSTALL ends in the command of line %d", c.line)
		}
		line := strings.TrimPrefix(r.lines[r.next], indent)
		c.text += "\n" + line
		r.next++
		return line
	}
	if hereDocument.MatchString(c.text) {
		for more() != "end" {
		}
	}
	for strings.HasSuffix(c.text, `\`) || exec.Command("sh", "-n", "-c", c.text).Run() != nil {
		more()
	}
	for ; r.next < len(r.lines); r.next++ {
		line := r.lines[r.next]
		if !strings.HasPrefix(line, indent) || commandLine.MatchString(line) {
			break
		}
		c.want = append(c.want, plain(line))
	}
	return c
}

// plain removes the parts of a line that differ from one time to the next.
func plain(line string) string {
	return number.ReplaceAllString(strings.TrimSpace(line), "N")
}

// missing returns the first line that a command should have printed, in order, but
// did not.
func (c command) missing(out string) (string, bool) {
	lines := strings.Split(out, "\n")
	for _, want := range c.want {
		for len(lines) > 0 && !strings.Contains(plain(lines[0]), want) {
			lines = lines[1:]
		}
		if len(lines) == 0 {
			return want, true
		}
		lines = lines[1:]
	}
	return "", false
}

// The reader itself: it finds many commands in INSTALL, and knows the signs of all.
func TestStepsAreFound(t *testing.T) {
	needs, total, printing := map[string]int{}, 0, 0
	for _, list := range readSteps(t) {
		for _, s := range list {
			for _, c := range s.commands {
				needs[c.requires]++
				total++
				printing += min(len(c.want), 1)
			}
		}
	}
	known := []string{"front", "customer", "vpopmail", "qmail", "notqmail", "postfix", "exim", "systemd", "certbot", "go", "source",
		"fedora", "arch", "alpine", "freebsd", "balancer", "broker", "fronts", "dns", "ufw", "nft", "svscan"}
	for word := range needs {
		if !strings.Contains(" "+strings.Join(known, " ")+" ", " "+word+" ") {
			t.Errorf("%s: what is that?", word)
		}
	}
	for _, word := range known {
		if needs[word] == 0 {
			t.Errorf("no command needs %q", word)
		}
	}
	if total < 120 || printing < 35 {
		t.Errorf("only %d commands were found, %d with what they print", total, printing)
	}
}

func TestMissingOutputIsNoticed(t *testing.T) {
	c := command{want: []string{"up (pid N) N seconds", "end"}}
	for out, ok := range map[string]bool{
		"/a: up (pid 71) 6 seconds\nmore\nend\n": true, "/a: down 6 seconds\nend\n": false,
		"end\n/a: up (pid 7) 6 seconds\n": false, "": false,
	} {
		if _, bad := c.missing(out); bad == ok {
			t.Errorf("%q: missing is %v", out, bad)
		}
	}
}

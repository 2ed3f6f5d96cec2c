package packaging

import (
	"strings"
	"testing"
	"time"

	"vodmr/internal/logform"
)

// A reader does what INSTALL says, on a machine.
type reader struct {
	*machine
	steps map[place][]step
	began time.Time
	count int
	// before is done before a command that fetches.
	before func()
}

func newReader(t *testing.T) *reader {
	t.Helper()
	steps := readSteps(t)
	m := newMachine(t)
	return &reader{machine: m, steps: steps, began: time.Now(), before: func() {}}
}

// do does a step, with the others that it names.
func (r *reader) do(part, number int) {
	r.t.Helper()
	found := r.steps[place{part, number}]
	if len(found) == 0 && number == 0 {
		return
	}
	for _, s := range found {
		for _, other := range s.others {
			r.do(other.part, other.step)
		}
		for _, c := range s.commands {
			if c.need == "" {
				r.command(c)
			}
		}
	}
}

// part does all steps of a part.
func (r *reader) part(part, last int) {
	r.t.Helper()
	for number := range last + 1 {
		r.do(part, number)
	}
}

// command runs one of INSTALL's commands: it must succeed and print what INSTALL
// says.
func (r *reader) command(c command) {
	r.t.Helper()
	if strings.HasPrefix(c.text, "atrn ") || strings.HasPrefix(c.text, "fetchmail ") {
		r.before()
	}
	run, sign := r.run, "#"
	if !c.root {
		run, sign = r.asUser, "$"
	}
	out, code := run(c.text)
	r.count++
	r.t.Logf("%5.1f s %s %s\n%s", time.Since(r.began).Seconds(), sign, c.text, out)
	if code != 0 {
		r.t.Fatalf("INSTALL:%d: exit %d: %s\n%s%s", c.line, code, c.text, out, r.logs())
	}
	if line, missing := c.missing(out); missing {
		r.t.Fatalf("INSTALL:%d: %s\ndid not print %q, but\n%s%s", c.line, c.text, line, out, r.logs())
	}
}

// logs are what may explain a failure.
func (r *reader) logs() string {
	out, _ := r.run("tail -n 20 /var/log/mail.log /etc/vodmr*/log/main/current")
	return "\n" + out
}

// checkLogs fails where a line that multilog has kept is not as vodmr-log(5) says.
func (r *reader) checkLogs() {
	r.t.Helper()
	kept := r.must("cat /etc/vodmr*/log/main/current /etc/vodmr*/expire/log/main/current")
	if !strings.Contains(kept, " end messages=") {
		r.t.Errorf("no session's end in the logs: %s", kept)
	}
	logform.TestKept(r.t, kept+"\n")
}

// nothingWaits fails where a message is left on the front.
func (r *reader) nothingWaits(dir string) {
	r.t.Helper()
	if out := r.must("ls " + dir + "/Maildir/new"); out != "" {
		r.t.Errorf("left on the front: %s", out)
	}
}

// Parts 1, 2 and 4: with vpopmail, TLS, and a customer with Postfix, from nothing
// to fetches by atrn and fetchmail.
func TestInstallWithVpopmail(t *testing.T) {
	r := newReader(t)
	r.must(vpopmail)
	r.part(1, 13)
	t.Logf("from nothing to the first fetch: %d commands, %.0f s", r.count, time.Since(r.began).Seconds())
	const home = "/home/vpopmail/domains/example.org/odmr"
	r.nothingWaits(home)
	r.part(2, 5)

	r.must(customer)
	fetches := 0
	r.before = func() { fetches++; r.do(1, 12) }
	r.part(4, 0)
	r.nothingWaits(home)
	if fetches < 4 {
		t.Errorf("part 4 has only %d fetches", fetches)
	}
	// Postfix has what atrn and fetchmail brought, and refused nothing.
	eventually(t, "three messages", func() bool {
		out, _ := r.run("grep -c ^Subject: /var/mail/someone")
		return out == "3"
	})
	if out := r.must("grep -c reject: /var/log/mail.log"); out != "1" {
		t.Errorf("Postfix refused %s, and should have refused the 1 of the trial%s", out, r.logs())
	}
	r.checkLogs()
	t.Logf("all: %d commands, %.0f s", r.count, time.Since(r.began).Seconds())
}

// Part 3: without vpopmail.
func TestInstallWithoutVpopmail(t *testing.T) {
	r := newReader(t)
	r.do(1, 0)
	r.part(3, 6)
	r.nothingWaits("/home/odmr")
	r.checkLogs()
	t.Logf("from nothing to the first fetch: %d commands, %.0f s", r.count, time.Since(r.began).Seconds())
}

// What a command says of itself by its exit code reaches the test.
func TestMachineTellsExitCodes(t *testing.T) {
	m := newMachine(t)
	for script, want := range map[string]int{"true": 0, "false": 1, "(exit 7)": 7} {
		if out, code := m.run(script); code != want || out != "" {
			t.Errorf("%s: exit %d, %q", script, code, out)
		}
		if out, code := m.asUser(script); code != want || out != "" {
			t.Errorf("%s: exit %d, %q, as a user", script, code, out)
		}
	}
}

package hostile

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/logformat"
)

// folder holds one file per attack: a description, then the sections
//
//	config     `key: value` lines, see config
//	dialogue   the conversation, see script
//	sent       the markers of the messages that may reach the peer; none by default
//	left       those of odmr@example.org that are left afterwards; all by default
//	log        patterns for all lines of the log, without the session's number
const folder = "../data/hostile"

// A config describes the chain that a dialogue meets.
type config struct {
	checkpw string      // vodmr-checkpw or vchkpw
	tls     string      // in vodmr-tls: none, connect, starttls, or broken if it has no certificate
	proxy   string      // the balancers of vodmr-proxy in front of all; it is not there if empty
	args    []string    // for vodmr
	env     []string    // NAME=value
	timeout string      // control/timeoutremote in seconds
	roots   *tls.Config // for the client
	cert    string      // certificate of the server
}

func parseConfig(t *testing.T, text string) config {
	t.Helper()
	c := config{checkpw: "vodmr-checkpw", tls: "none", timeout: "30"}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "checkpw":
			c.checkpw = value
		case "tls":
			c.tls = value
		case "proxy":
			c.proxy = value
		case "args":
			c.args = strings.Fields(value)
		case "env":
			c.env = append(c.env, value)
		case "timeout":
			c.timeout = value
		default:
			t.Fatalf("no such setting: %q", key)
		}
	}
	return c
}

// chain returns the command line of the whole chain.
func (s *site) chain(t *testing.T, c config) (argv []string) {
	t.Helper()
	if c.proxy != "" {
		argv = append(argv, program("vodmr-proxy"), "-n", c.proxy)
	}
	switch c.tls {
	case "starttls":
		argv = append(argv, program("vodmr-tls"), "-s", "-c", c.cert)
	case "broken":
		argv = append(argv, program("vodmr-tls"), "-s", "-c", "/nonexistent/cert.pem")
	case "connect":
		argv = append(argv, program("vodmr-tls"), "-c", c.cert)
	}
	argv = append(append(argv, program("vodmr")), c.args...)
	argv = append(argv, "mail.provider.test", program(c.checkpw))
	if c.checkpw == "vodmr-checkpw" {
		argv = append(argv, s.path("accounts"))
	}
	return append(argv, program("vodmr-relay"), "-q", s.path("qmail"), "Maildir")
}

func TestHostileDialogues(t *testing.T) {
	names, err := filepath.Glob(folder + "/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) < 60 {
		t.Errorf("only %d dialogues found", len(names))
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			runFile(t, name)
		})
	}
}

func runFile(t *testing.T, name string) {
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if len(strings.TrimSpace(string(archive.Comment))) == 0 {
		t.Error("the file does not say what the attack is")
	}
	sections := map[string]string{}
	for _, f := range archive.Files {
		sections[f.Name] = string(f.Data)
	}
	c := parseConfig(t, sections["config"])
	s := newSite(t, c.timeout)
	if c.tls != "none" {
		c.cert, c.roots = s.certificate(t)
	}
	log, err := os.Create(s.path("log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	var peers []*peer
	play(t, sections["dialogue"], func() *peer {
		p := s.dial(t, c, log)
		peers = append(peers, p)
		return p
	})
	s.checkMail(t, sections, peers)
	s.checkLog(t, sections, peers)
}

// checkMail fails if mail went to the peer or left the Maildirs although the file
// does not say so.
func (s *site) checkMail(t *testing.T, sections map[string]string, peers []*peer) {
	t.Helper()
	sent := map[string]bool{}
	for _, p := range peers {
		for _, marker := range regexp.MustCompile(`[A-Z]+-[0-9] in the body`).FindAllString(p.tap.heard(), -1) {
			sent[strings.Fields(marker)[0]] = true
		}
	}
	want := map[string]bool{}
	for _, marker := range strings.Fields(sections["sent"]) {
		want[marker] = true
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("messages that reached the peer (-want +got):\n%s", diff)
	}
	left, named := sections["left"]
	mail := map[string]string{}
	for name, text := range s.mail {
		own := strings.Contains(text, "OWN-")
		if !named || !own || strings.Contains(left, marker(text)) {
			mail[name] = text
		}
	}
	if diff := cmp.Diff(mail, s.waiting(t)); diff != "" {
		t.Errorf("the Maildirs (-want +got):\n%s", diff)
	}
	if queued, _ := filepath.Glob(s.path("qmail/queue/*")); len(queued) > 0 {
		t.Errorf("something was bounced: %v", queued)
	}
}

// marker is the text that identifies a message.
func marker(text string) string {
	_, rest, _ := strings.Cut(text, "Subject: ")
	name, _, _ := strings.Cut(rest, "\n")
	return name
}

// checkLog fails if a line has an unknown form, does not belong to our session, or
// contains a password.
func (s *site) checkLog(t *testing.T, sections map[string]string, peers []*peer) {
	t.Helper()
	text, err := os.ReadFile(s.path("log"))
	if err != nil {
		t.Fatal(err)
	}
	sessions := map[string]bool{}
	for _, p := range peers {
		sessions[strconv.Itoa(p.cmd.Process.Pid)] = true
	}
	forms := logformat.Load(t)
	var lines []string
	for line := range strings.Lines(string(text)) {
		// Lines that the stand-in itself prints.
		if strings.HasPrefix(line, "vchkpw: ") {
			continue
		}
		if err := forms.Check(line); err != nil {
			t.Error(err)
			continue
		}
		program, event, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		session, event, _ := strings.Cut(event, " ")
		if !sessions[session] {
			t.Errorf("a line of no session here: %q", line)
		}
		lines = append(lines, program+" "+event)
	}
	for _, secret := range []string{"tanstaaf", "other-secret", "pop-secret"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("the log tells a password:\n%s", text)
		}
	}
	want, named := sections["log"]
	if named {
		matchLines(t, want, lines)
	}
	if t.Failed() {
		t.Logf("log:\n%s", text)
	}
}

// matchLines compares a log with patterns. The lines of each program must be in
// order; the order of lines from two programs is up to chance.
func matchLines(t *testing.T, want string, lines []string) {
	t.Helper()
	patterns := strings.Split(strings.TrimSuffix(want, "\n"), "\n")
	for _, list := range [][]string{patterns, lines} {
		slices.SortStableFunc(list, func(a, b string) int {
			return strings.Compare(strings.Fields(a)[0], strings.Fields(b)[0])
		})
	}
	for i := range max(len(patterns), len(lines)) {
		switch {
		case i >= len(patterns):
			t.Errorf("log line %q is not in the file", lines[i])
		case i >= len(lines):
			t.Errorf("no log line %q", patterns[i])
		case !dialogue.Match(patterns[i], lines[i]):
			t.Errorf("log line %q, want %q", lines[i], patterns[i])
		}
	}
}

package integration

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An arrival is a file in the customer's mailbox.
type arrival struct {
	top  string // the header lines that were added on the way
	body string // the content from the provider's own Received line on
}

// qmailLine begins each content that a site delivers.
var qmailLine = regexp.MustCompile(`(?m)^Received: \(qmail 28146 `)

// arrivals gives what is in a Maildir's new/, line ends as LF.
func arrivals(t testing.TB, maildir string) []arrival {
	t.Helper()
	var list []arrival
	for _, name := range names(t, filepath.Join(maildir, "new")) {
		text := strings.ReplaceAll(readFile(t, filepath.Join(maildir, "new", name)), "\r\n", "\n")
		at := qmailLine.FindStringIndex(text)
		if at == nil {
			t.Errorf("%s is none of the messages sent: %.500q", name, text)
			continue
		}
		list = append(list, arrival{text[:at[0]], text[at[0]:]})
	}
	return list
}

// header gives the value of an added header line.
func (a arrival) header(name string) string {
	for line := range strings.Lines(a.top) {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			return strings.TrimSuffix(value, "\n")
		}
	}
	return ""
}

// key tells messages and their recipients apart.
func (a arrival) key() string {
	return id(a.body) + " to " + a.header("Delivered-To") + " from " + a.header("Return-Path")
}

func (m *message) key() string {
	return id(m.sent()) + " to " + m.recipient + " from <" + m.sender + ">"
}

func id(content string) string {
	_, rest, _ := strings.Cut(content, idHeader)
	number, _, _ := strings.Cut(rest, "\n")
	return number
}

// count says how often each message arrived, checks that it is byte for byte
// the one that was delivered, and that nothing else came.
func count(t testing.TB, s *site, maildir string) map[string]int {
	t.Helper()
	wanted := make(map[string]*message)
	for _, m := range s.delivered {
		wanted[m.key()] = m
	}
	copies := make(map[string]int)
	for _, a := range arrivals(t, maildir) {
		m := wanted[a.key()]
		if m == nil {
			t.Errorf("nobody sent this message: %s", a.key())
			continue
		}
		copies[a.key()]++
		if want := m.sent(); a.body != want {
			t.Errorf("%s: the content changed:\n%s", a.key(), difference(want, a.body))
		}
		checkTop(t, a)
	}
	return copies
}

// difference shows the first bytes in which two contents differ.
func difference(want, got string) string {
	i := 0
	for i < len(want) && i < len(got) && want[i] == got[i] {
		i++
	}
	from := max(0, i-40)
	return fmt.Sprintf("lengths %d and %d, at byte %d\nwant %.120q\ngot  %.120q",
		len(want), len(got), i, want[from:], got[from:])
}

// checkTop fails if a hop added lines that none adds.
func checkTop(t testing.TB, a arrival) {
	t.Helper()
	for line := range strings.Lines(a.top) {
		name, _, _ := strings.Cut(line, ":")
		switch name {
		case "Return-Path", "X-Original-To", "Delivered-To", "Received":
		default:
			if line[0] != ' ' && line[0] != '\t' {
				t.Errorf("%s: a line was added: %q", a.key(), line)
			}
		}
	}
}

// onceEach fails unless each message that was delivered is in the customer's
// mailbox once, byte for byte, and the provider's Maildir is empty.
func onceEach(t testing.TB, s *site, maildir string) {
	t.Helper()
	want := make(map[string]int)
	for _, m := range s.delivered {
		want[m.key()]++
	}
	if diff := cmp.Diff(want, count(t, s, maildir)); diff != "" {
		t.Errorf("the copies of each message (-want +got):\n%s", diff)
	}
	if left := s.waiting(t); len(left) > 0 {
		t.Errorf("the provider's Maildir still holds %q", left)
	}
	for _, b := range s.bounces(t) {
		t.Errorf("bounced: %s%s", b.envelope, b.message)
	}
}

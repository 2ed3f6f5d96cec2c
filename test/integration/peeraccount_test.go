package integration

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A stored message is one that a peer keeps: the lines that it added, and the rest.
type stored struct {
	sender string // as Return-Path has it
	text   string // the whole file, lines ending in LF
}

// storedBy reads what a peer keeps, by recipient.
func storedBy(t testing.TB, maildir string) map[string][]stored {
	t.Helper()
	list := make(map[string][]stored)
	for _, name := range names(t, filepath.Join(maildir, "new")) {
		text := strings.ReplaceAll(readFile(t, filepath.Join(maildir, "new", name)), "\r\n", "\n")
		to := topLine(text, "Delivered-To")
		list[plainAddress(to)] = append(list[plainAddress(to)], stored{topLine(text, "Return-Path"), text})
	}
	return list
}

// topLine gives the first header line of a name, without <>.
func topLine(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			return strings.Trim(strings.TrimSpace(value), "<>")
		}
	}
	return ""
}

// plainAddress is an address as all peers write it: some quote a local part that needs
// it, some do not, some turn it into lower case, and Exim writes = for a blank. A bounce
// has ? for what is not ASCII.
func plainAddress(address string) string {
	var plain strings.Builder
	for _, c := range []byte(strings.ToLower(address)) {
		switch {
		case strings.IndexByte(`"\ =`, c) >= 0:
		case c >= 0x80:
			plain.WriteByte('?')
		default:
			plain.WriteByte(c)
		}
	}
	return plain.String()
}

var bouncedTo = regexp.MustCompile(`(?m)^<(.*)>:$`)

// bouncedBy counts the bounces of each recipient.
func (s *site) bouncedBy(t testing.TB) map[string]int {
	t.Helper()
	count := make(map[string]int)
	for _, b := range s.bounces(t) {
		report, _, _ := strings.Cut(b.message, "--- Below this line is a copy")
		for _, match := range bouncedTo.FindAllStringSubmatch(report, -1) {
			count[plainAddress(match[1])]++
		}
	}
	return count
}

// stillWaiting are the base names in the provider's Maildir.
func (s *site) stillWaiting(t testing.TB) map[string]bool {
	t.Helper()
	there := make(map[string]bool)
	for _, name := range s.waiting(t) {
		base, _, _ := strings.Cut(name, ":2,")
		there[base] = true
	}
	return there
}

// onlyWaits reports if all that still waits may do so.
func (s *site) onlyWaits(t testing.TB, list []oddMail) bool {
	t.Helper()
	there := s.stillWaiting(t)
	return !slices.ContainsFunc(list, func(m oddMail) bool { return there[m.file] && m.may&remains == 0 })
}

// settleAccount fails unless each message has exactly one fate, which it may have, and
// a peer's copy is what was sent but for that peer's known changes.
func settleAccount(t testing.TB, s *site, kind *peer, kept string, list []oddMail) {
	t.Helper()
	copies, bounced, there := storedBy(t, kept), s.bouncedBy(t), s.stillWaiting(t)
	for _, m := range list {
		to := plainAddress(m.recipient)
		if there[m.file] && m.content == "" {
			bounced[to] = 0 // the postmaster was told of a file without Received; it stays
		}
		fates, got := len(copies[to])+bounced[to], outcome(0)
		if len(copies[to]) > 0 {
			got |= arrives
		}
		if bounced[to] > 0 {
			got |= bounces
		}
		if there[m.file] {
			got |= remains
			fates++
		}
		switch {
		case fates == 0:
			t.Errorf("%.40s vanished", m.name)
		case fates > 1+m.doubts:
			t.Errorf("%.40s has %d fates, %d copies and %d bounces: %v", m.name, fates, len(copies[to]), bounced[to], got)
		case got&m.may == 0:
			t.Errorf("%.40s %v, want that it %v; %s", m.name, got, m.may, kind.exceptions[m.name].why)
		}
		for _, copied := range copies[to] {
			kind.compare(t, m, copied)
		}
		delete(copies, to)
	}
	for to, left := range copies {
		t.Errorf("nobody sent to %q: %.500q", to, left[0].text)
	}
}

// compare fails unless a peer's copy is the message below lines that peers add.
func (kind *peer) compare(t testing.TB, m oddMail, copied stored) {
	t.Helper()
	want, got := kind.keeps(m), copied.text
	if kind.completes != nil {
		got = kind.completes.ReplaceAllString(got, "")
	}
	top, ok := strings.CutSuffix(got, want)
	if !ok {
		t.Errorf("%.40s: the content changed:\n%s", m.name, difference(want, got[max(0, strings.Index(got, received)):]))
		return
	}
	for line := range strings.Lines(top) {
		name, _, _ := strings.Cut(line, ":")
		if line[0] != ' ' && line[0] != '\t' && !slices.Contains(addedByServers, name) && !slices.Contains(kind.adds, name) {
			t.Errorf("%.40s: a line was added: %q", m.name, line)
		}
	}
	if kind.anySender {
		return
	}
	if got, want := plainAddress(copied.sender), plainAddress(m.sender); got != want {
		t.Errorf("%.40s: the sender is %q, want %q", m.name, got, want)
	}
}

// addedByServers are the header lines that a server may put on top.
var addedByServers = []string{"Return-Path", "X-Original-To", "Delivered-To", "Received"}

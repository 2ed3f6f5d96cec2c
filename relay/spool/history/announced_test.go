package history

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vodmr/test/kit/require"
)

// TestAnnounced: messages that were announced and are sent in that order need no line of
// their own. Any other order is told, and so is what does not follow.
func TestAnnounced(t *testing.T) {
	announced := []string{"sent a", "sent b", "sent c", "sent d"}
	for name, test := range map[string]struct {
		sent string   // transactions; -x settles x in another way
		more []string // lines of the file beside those of the announcement
		left string   // the suspect of the next session if a is gone by then
	}{
		"none":         {"", nil, "b"},
		"in order":     {"b c", nil, "b"},
		"one is gone":  {"-b c", nil, "b"}, // the Maildir still has it here
		"another":      {"b x", []string{"again c", "again d", "sent x"}, "b"},
		"copies":       {"b+d", []string{"again b", "again c", "again d", "sent b", "also d"}, "b d"},
		"out of order": {"c", []string{"again b", "again c", "again d", "sent c"}, "c"},
		"withdrawn":    {"b !", []string{"again c", "again d"}, "b"},
	} {
		dir, path := newDir(t, nil)
		h, _ := session(t, dir, "1", "a", "b", "c", "d", "x")
		require.OK(t, h.Flush())
		h.Sent("a")
		if !h.Unwritten() {
			t.Errorf("%s: a message that begins is not to be written", name)
		}
		h.Announce([]string{"b", "c", "d"})
		require.OK(t, h.Flush())
		for bases := range strings.FieldsSeq(test.sent) {
			if settled, ok := strings.CutPrefix(bases, "-"); ok {
				h.Forget(settled)
			} else if bases == "!" {
				h.Withdraw()
			} else {
				h.Sent(strings.Split(bases, "+")...)
			}
		}
		if h.Unwritten() != (len(test.more) > 0) {
			t.Errorf("%s: to be written: %v", name, h.Unwritten())
		}
		require.OK(t, h.Flush())
		h.Close()
		if got := sentLines(require.File(t, filepath.Join(path, "vodmr.notes"))); !slices.Equal(got, slices.Concat(announced, test.more)) {
			t.Errorf("%s: the file says %q, want %q and %q", name, got, announced, test.more)
		}
		_, suspects := session(t, dir, "2", "b", "c", "d", "x")
		if got := strings.Join(suspects, " "); got != test.left {
			t.Errorf("%s: the next session suspects %q, want %q", name, got, test.left)
		}
	}
}

// sentLines are the lines about messages that are in flight, without the time.
func sentLines(text string) (lines []string) {
	for line := range strings.Lines(text) {
		_, note, _ := strings.Cut(strings.TrimSpace(line), " ")
		verb, _, _ := strings.Cut(note, " ")
		if verb == "sent" || verb == "also" || verb == "again" {
			lines = append(lines, note)
		}
	}
	return lines
}

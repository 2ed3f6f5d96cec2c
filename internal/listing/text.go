package listing

import (
	"fmt"
	"io"

	"vodmr/internal/human"
	"vodmr/internal/logline"
)

// text prints a line a message, for people.
type text struct{ out io.Writer }

func (t *text) begin(path string) {
	fmt.Fprintf(t.out, "%s\n%8s %6s %5s  %s\n", visible(path), "age", "size", "tries", "sender recipient file: remark")
}

func (t *text) message(r row) {
	sender, rcpt := "<"+visible(r.Sender)+">", "<"+visible(r.Recipient)+">"
	if r.unread {
		sender, rcpt = "?", "?"
	}
	fmt.Fprintf(t.out, "%8s %6s %5d  %s %s %s", age(r.Age), human.Size(r.Size), r.Tries, sender, rcpt, visible(r.File))
	if remark := r.remark(); remark != "" {
		fmt.Fprintf(t.out, ": %s", visible(remark))
	}
	fmt.Fprintln(t.out)
}

func (t *text) end(all totals) {
	fmt.Fprintf(t.out, "total: %s\n", all.sentence())
}

func (t *text) failed(string) {}
func (t *text) finish()       {}

func (t *text) overall(all totals) {
	fmt.Fprintf(t.out, "overall: %d Maildirs, %s\n", all.Maildirs, all.sentence())
}

func (t totals) sentence() string {
	s := fmt.Sprintf("%d messages, %s", t.Messages, human.Size(t.Bytes))
	if t.Bytes < 1024 {
		s += " bytes"
	}
	if t.Messages > 0 {
		s += ", the oldest " + age(t.Oldest)
	}
	if t.Tried > 0 {
		s += fmt.Sprintf(", %d tried", t.Tried)
	}
	if t.Unread > 0 {
		s += fmt.Sprintf(", %d unreadable", t.Unread)
	}
	return s
}

// age writes seconds in the two units that matter: 6d04h, 3h07m, 12m40s.
func age(seconds int64) string {
	if seconds >= 86400 {
		return fmt.Sprintf("%dd%02dh", seconds/86400, seconds%86400/3600)
	}
	if seconds >= 3600 {
		return fmt.Sprintf("%dh%02dm", seconds/3600, seconds%3600/60)
	}
	return fmt.Sprintf("%dm%02ds", seconds/60, seconds%60)
}

// visible escapes what could steer a terminal: all but printable ASCII is \xHH, as in
// the log, and a backslash is doubled.
func visible(s string) string {
	var b []byte
	for i := range len(s) {
		if s[i] == '"' { // which needs no escape outside quotes
			b = append(b, s[i])
		} else {
			b = logline.AppendByte(b, s[i])
		}
	}
	return string(b)
}

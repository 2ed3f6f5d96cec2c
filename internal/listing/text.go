package listing

import (
	"fmt"
	"io"

	"vodmr/internal/human"
	"vodmr/internal/locate"
)

// text prints a line a message, for people.
type text struct{ out io.Writer }

func (t *text) begin(_ locate.Place, path string) {
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
	fmt.Fprintf(t.out, "overall: %d Maildirs, %s\n", all.maildirs, all.sentence())
}

func (t totals) sentence() string {
	s := fmt.Sprintf("%d messages, %s", t.messages, human.Size(t.bytes))
	if t.bytes < 1024 {
		s += " bytes"
	}
	if t.messages > 0 {
		s += ", the oldest " + age(t.oldest)
	}
	if t.tried > 0 {
		s += fmt.Sprintf(", %d tried", t.tried)
	}
	if t.unread > 0 {
		s += fmt.Sprintf(", %d unreadable", t.unread)
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
	const hex = "0123456789abcdef"
	var b []byte
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\\':
			b = append(b, `\\`...)
		case c < ' ' || c > '~':
			b = append(b, '\\', 'x', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

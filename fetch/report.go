package fetch

import (
	"fmt"
	"io"

	"vodmr/internal/logline"
)

// report writes what a session brought and why it failed, a line each.
func report(w io.Writer, provider Provider, tally *Tally, err error, v Verbosity) {
	refused, why := tally.Refused()
	switch {
	case refused == 0 && v == Quiet:
	case refused > 0:
		say(w, "%s: fetched %d, refused %d: %s", provider, tally.Messages(), refused, why)
	case tally.Lost():
		say(w, "fetched %d messages or more from %s: the session could not be followed to its end", tally.Messages(), provider)
	case tally.Messages() > 0, err == nil && tally.Turned():
		say(w, "fetched %d messages, %d bytes from %s", tally.Messages(), tally.Bytes(), provider)
	case err == nil:
		say(w, "nothing waits at %s", provider)
	}
	if err != nil {
		Warn(w, err)
	}
}

// Warn writes one line about an error.
func Warn(w io.Writer, err error) { say(w, "%v", err) }

// maxSaid is how much of a line is printed, in bytes before it is escaped: a provider's
// reply may have thousands of lines.
const maxSaid = 2000

// say writes one line. Text that a provider or an SMTP server chose cannot start
// another, flood the log or steer the terminal.
func say(w io.Writer, format string, args ...any) { sayAfter(w, "", format, args...) }

// sayAfter writes start, which is our own, before the line.
func sayAfter(w io.Writer, start, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if len(text) > maxSaid {
		text = text[:maxSaid] + "..."
	}
	fmt.Fprintf(w, "%satrn: %s\n", start, logline.Printable(text))
}

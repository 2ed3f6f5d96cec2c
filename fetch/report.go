package fetch

import (
	"fmt"
	"io"
	"strings"
)

// Report writes what a session brought and why it failed, a line each.
func Report(w io.Writer, provider Provider, tally *Tally, err error) {
	switch {
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

// say writes one line. What a provider chose of it cannot start another or
// steer the terminal.
func say(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, "atrn: %s\n", strings.Map(visible, fmt.Sprintf(format, args...)))
}

func visible(c rune) rune {
	if c < ' ' || 0x7f <= c && c < 0xa0 {
		return '?'
	}
	return c
}

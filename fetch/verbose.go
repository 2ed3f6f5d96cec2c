package fetch

import (
	"fmt"
	"io"

	"vodmr/internal/human"
)

// A Verbosity is how much is said about a session.
type Verbosity int

const (
	Quiet    Verbosity = iota - 1 // errors and refusals only
	Normal                        // and what came
	Dialogue                      // and the dialogue up to the turn, and how it goes
	Messages                      // and a line for each message
)

// Listen has a session's dialogue and messages written to w, as far as v wants them.
// terminal says that a Meter may be on w's last line.
func (s *Session) Listen(w io.Writer, v Verbosity, terminal bool) {
	start := ""
	if terminal {
		start = clearLine
	}
	if v >= Dialogue {
		s.Dialogue = func(line string) { sayAfter(w, start, "%s", line) }
	}
	if v >= Messages {
		s.Message = func(m Message) { sayAfter(w, start, "%s", m) }
	}
}

// String is the line of one message.
func (m Message) String() string {
	text := fmt.Sprintf("from <%s> to <%s>", m.Sender, m.Recipient)
	if m.Recipients > 1 {
		text += fmt.Sprintf(" and %d more", m.Recipients-1)
	}
	if m.Size > 0 {
		text = human.Size(m.Size) + " " + text
	}
	if m.Refusal != "" {
		return "refused " + text + ": " + m.Refusal
	}
	return fmt.Sprintf("message %d: %s", m.Number, text)
}

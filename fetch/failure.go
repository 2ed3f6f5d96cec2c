package fetch

import (
	"errors"
	"fmt"
	"time"

	"vodmr/smtp"
)

// Exit codes of a session. 69 and 77 are sysexits' EX_UNAVAILABLE and
// EX_NOPERM; 100 and 111 are qmail's permanent and temporary.
const (
	ExitFetched = 0   // mail came, or none waits
	ExitDomain  = 69  // a domain was refused
	ExitLogin   = 77  // the login was refused
	ExitMisuse  = 100 // wrong arguments, or a provider that is none
	ExitLater   = 111 // try again later
)

// A Failure is why a session fetched nothing, or not all.
type Failure struct {
	Exit int    // one of the Exit codes
	Text string // one line that says what to do
	Err  error  // what lies beneath; may be nil
}

func (f *Failure) Error() string {
	if f.Err == nil {
		return f.Text
	}
	return f.Text + ": " + f.Err.Error()
}

func (f *Failure) Unwrap() error { return f.Err }

// ExitCode returns the exit code of a session's error; nil is ExitFetched.
func ExitCode(err error) int {
	var f *Failure
	switch {
	case err == nil:
		return ExitFetched
	case errors.As(err, &f):
		return f.Exit
	}
	return ExitLater
}

func misuse(format string, args ...any) error {
	return &Failure{Exit: ExitMisuse, Text: fmt.Sprintf(format, args...)}
}

func later(err error, format string, args ...any) error {
	return &Failure{Exit: ExitLater, Text: fmt.Sprintf(format, args...), Err: err}
}

func loginRefused(r smtp.Reply, format string, args ...any) error {
	return &Failure{Exit: ExitLogin, Text: fmt.Sprintf(format, args...), Err: r}
}

// silent is a line that is dead, or a provider that does not know of standing.
func silent(limit time.Duration) error {
	return later(nil, "the provider said nothing for %v, not even NOOP: its line is taken for dead", limit)
}

// ErrStopped says that a session was ended from outside, by a signal.
var ErrStopped = errors.New("stopped")

func stopped() error { return later(ErrStopped, "the session was cut short") }

package fetch

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"vodmr/smtp"
)

// Exit codes of a session. 65, 69 and 77 are sysexits' EX_DATAERR, EX_UNAVAILABLE
// and EX_NOPERM; 100 and 111 are qmail's permanent and temporary.
const (
	ExitFetched = 0   // mail came, or none waits
	ExitRefused = 65  // mail came, and the receiving side refused all of it
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
	if err == nil {
		return ExitFetched
	}
	if f, is := errors.AsType[*Failure](err); is {
		return f.Exit
	}
	return ExitLater
}

func misuse(format string, args ...any) error {
	return &Failure{Exit: ExitMisuse, Text: fmt.Sprintf(format, args...)}
}

// unreadable is the failure of a file that cannot be read.
func unreadable(what string, err error) error { return fileTrouble("cannot read the "+what, err) }

// fileTrouble is a failure with a file. It is misuse if the file is not there, or is closed to
// this program: that stays so until somebody mends it. All else may pass, such as too many
// open files or a disk that does not answer, and a supervisor must try again.
func fileTrouble(text string, err error) error {
	for _, stays := range []error{fs.ErrNotExist, fs.ErrPermission, fs.ErrInvalid, syscall.ENOTDIR, syscall.EISDIR, syscall.ELOOP, syscall.ENAMETOOLONG} {
		if errors.Is(err, stays) {
			return &Failure{ExitMisuse, text, err}
		}
	}
	return later(err, "%s", text)
}

func later(err error, format string, args ...any) error {
	return &Failure{Exit: ExitLater, Text: fmt.Sprintf(format, args...), Err: err}
}

func loginRefused(r smtp.Reply, format string, args ...any) error {
	return &Failure{Exit: ExitLogin, Text: fmt.Sprintf(format, args...), Err: r}
}

// verdict says of a session that ended in order what the receiving side made of it:
// nil if it took mail, or if none came.
func verdict(c Counts) error {
	switch {
	case c.hindrance.Code == 421:
		return later(c.hindrance, "the receiving side closed the session")
	case c.Messages > 0 || c.Lost:
		return nil
	case c.Refused > 0 && c.forNow:
		return later(errors.New(c.Reason), "the receiving side refused all mail for now")
	case c.Refused > 0:
		return &Failure{ExitRefused, "the receiving side refused all mail: does it take mail for these domains, from this host, at this port?", nil}
	case c.hindrance.Code == 0:
		return nil
	case c.hindrance.Temporary():
		return later(c.hindrance, "the receiving side takes no session now")
	}
	return &Failure{ExitRefused, "the receiving side takes no session: is it a mail server that takes mail from this host, at this port?", c.hindrance}
}

// silent is the failure of a connection that is dead, or of a provider that says no NOOP in a
// standing session.
func silent(limit time.Duration) error {
	return later(nil, "the provider said nothing for %v, not even NOOP: its line is taken for dead", limit)
}

// ErrStopped means that a session was ended from outside, by a signal.
var ErrStopped = errors.New("stopped")

func stopped() error { return later(ErrStopped, "the session was cut short") }

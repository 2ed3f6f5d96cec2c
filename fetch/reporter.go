package fetch

import (
	"context"
	"fmt"
	"io"
	"time"

	"vodmr/internal/logline"
)

// A Reporter makes sessions and says on Log how they went.
type Reporter struct {
	Session  Session
	Log      io.Writer
	Terminal bool // Log is a terminal: show there how the session goes
	Verbose  Verbosity
}

// Visit makes one session.
func (r *Reporter) Visit(ctx context.Context) Visit {
	return r.Session.visit(ctx, r.show, func(c Counts, v Visit) {
		report(r.Log, r.Session.Provider, c, v.Err, r.Verbose)
	})
}

// show tells how the session goes until stop is called.
func (r *Reporter) show(tally *Tally) (stop func()) {
	if r.Verbose < Dialogue && !(r.Terminal && r.Verbose == Normal) {
		return func() {}
	}
	return startMeter(r.Log, tally, r.Terminal)
}

// visit makes one visit, shown meanwhile and reported then.
func (s *Session) visit(ctx context.Context, show func(*Tally) (stop func()), report func(Counts, Visit)) Visit {
	tally := &Tally{}
	stop := show(tally)
	watched := s.Metrics.Watch(tally)
	err := s.Run(ctx, tally)
	watched(err)
	stop()
	counts := tally.Now()
	v := VisitOf(counts, err)
	report(counts, v)
	return v
}

// Repeat makes a session now and then until ctx is done.
func (r *Reporter) Repeat(ctx context.Context, every time.Duration) {
	r.repeat(ctx, NewEvery(every), r.Visit)
}

// Standing has a session all the time until ctx is done.
func (r *Reporter) Standing(ctx context.Context) {
	s := &standingReporter{Reporter: *r}
	r.repeat(ctx, &AlwaysStanding{}, s.Visit)
}

// report writes what a session brought and why it failed, a line each.
func report(w io.Writer, provider Provider, c Counts, err error, v Verbosity) {
	switch {
	case c.Refused == 0 && v == Quiet:
	case c.Refused > 0:
		say(w, "%s: fetched %d, refused %d: %s", provider, c.Messages, c.Refused, c.Reason)
	case c.Lost:
		say(w, "fetched %d messages or more from %s: the session could not be followed to its end", c.Messages, provider)
	case c.Messages > 0, err == nil && c.Turned():
		say(w, "fetched %d messages, %d bytes from %s", c.Messages, c.Bytes, provider)
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

package fetch

import (
	"context"
	"fmt"
	"time"
)

// Silence is how long a provider may say nothing in a standing session: five
// of vodmr's NOOPs. A line that is silent for longer is dead. If its end was
// lost, as with a new address behind NAT, only the silence tells.
const Silence = 5 * time.Minute

// A standingReporter makes standing sessions, and reports them.
type standingReporter struct {
	Reporter

	standing  bool // what was said last is that it stands
	unwilling bool // what 453 means was said
}

// Visit makes one session. It writes one line at the session's end, and
// one when there is a standing session again.
func (s *standingReporter) Visit(ctx context.Context) Visit {
	return s.Session.visit(ctx, s.show, s.report)
}

// show tells how the session goes until stop is called.
func (s *standingReporter) show(tally *Tally) (stop func()) {
	if s.Verbose == Quiet {
		return func() {}
	}
	if s.Terminal {
		return meter{s.Log, true, standingTime, func() string { return s.line(tally.Now()) }}.start()
	}
	// A failure must not be the log's last word for as long as all is well.
	return during(MinStanding/4, func() time.Duration {
		if now := tally.Now(); !s.standing && now.Turned() && time.Since(now.Since) >= MinStanding {
			say(s.Log, "stands at %s", s.Session.Provider)
			s.standing = true
		}
		return MinStanding / 4
	})
}

// line is the status on a terminal.
func (s *standingReporter) line(c Counts) string {
	if !c.Turned() {
		return meterLine(c)
	}
	return fmt.Sprintf("stands at %s since %s, %s",
		s.Session.Provider, c.Since.Format("2 Jan 15:04:05"), counted(c, count{}))
}

// report says in one line how a session was.
func (s *standingReporter) report(c Counts, v Visit) {
	provider := s.Session.Provider
	switch {
	case v.Err == nil && c.Refused == 0 && s.Verbose == Quiet:
	case v.Turned && v.Err == nil:
		say(s.Log, "%s", s.wasStanding(c, v))
	case v.Turned:
		say(s.Log, "%s: %v", s.wasStanding(c, v), v.Err)
	case v.Err != nil:
		Warn(s.Log, v.Err)
	case !s.unwilling:
		s.unwilling = true
		say(s.Log, "nothing waits at %s, which allows this login no standing session: it is asked again each minute or so", provider)
	default:
		say(s.Log, "nothing waits at %s", provider)
	}
	s.standing = s.standing && v.Turned && v.Lasted >= MinStanding
}

func (s *standingReporter) wasStanding(c Counts, v Visit) string {
	text := fmt.Sprintf("stood %v at %s, %d messages, %d bytes",
		v.Lasted.Round(time.Second), s.Session.Provider, c.Messages, c.Bytes)
	if c.Refused > 0 {
		text += fmt.Sprintf(", refused %d: %s", c.Refused, c.Reason)
	}
	if c.Lost {
		text += ", and was not followed to its end"
	}
	return text
}

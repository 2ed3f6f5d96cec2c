package spool

import "time"

// An ageClock is the clock by which messages become too old. Somebody may set this host's clock
// while a session lasts, and a standing session lasts for weeks: a step of a year would make
// all mail too old at once, and what was deferred once would bounce. So a step ahead does not
// count until the session ends. A step back does: that only keeps mail for longer.
type ageClock struct {
	date    func() time.Time
	start   time.Time            // by date
	elapsed func() time.Duration // since then, by a clock that nobody sets
}

func newAgeClock(date func() time.Time) *ageClock {
	start := date()
	return &ageClock{date, start, func() time.Duration { return date().Sub(start) }} // by time's monotonic clock
}

func (c *ageClock) now() time.Time {
	date, measured := c.date().Round(0), c.start.Round(0).Add(c.elapsed())
	if measured.Before(date) {
		return measured
	}
	return date
}

// since is how long ago a time is, in Unix seconds.
func (c *ageClock) since(when int64) time.Duration { return c.now().Sub(time.Unix(when, 0)) }

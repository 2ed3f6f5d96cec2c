package spool

import (
	"io"
	"testing"
	"time"

	"vodmr/smtp"
)

// TestClockIsSet: a clock that is set years ahead while a session lasts makes no mail too old,
// neither what was deferred nor what was refused without being believed.
func TestClockIsSet(t *testing.T) {
	for what, answer := range map[string]func(*Spool, *Message){
		"deferred": func(s *Spool, m *Message) { s.Deferred(m, reply(450, "4.2.0", "later")) },
		"refused":  func(s *Spool, m *Message) { s.Refused(m, reply(550, "5.7.1", "no"), ByServer) },
	} {
		for _, step := range []struct {
			date, passed time.Duration
			left         int
		}{
			{10 * 365 * day, time.Hour, 1},
			{-10 * 365 * day, 10 * day, 1},
			{10 * day, 10 * day, 0},
		} {
			s := newSite(t)
			s.queue(t)
			s.put(t, 0, "subject")
			sp := s.started(t, smtp.Extensions{}, stays)
			at, passed := now, time.Duration(0)
			date := func() time.Time { return at }
			sp.ages = &ageClock{date, now, func() time.Duration { return passed }}
			sp.bouncer.Inject = func(string, []string, io.Reader) error { return nil }
			b := sp.Next()
			sp.Ended(b)
			answer(sp, b.Messages[0])
			at, passed = at.Add(step.date), step.passed
			answer(sp, b.Messages[0])
			if left := len(s.waiting(t)); left != step.left {
				t.Errorf("%s, the clock moves by %v in %v: %d messages are left\n%s", what, step.date, step.passed, left, s.logged(t))
			}
		}
	}
}

// TestAgeClock: it goes on with this host's clock as long as nobody sets that.
func TestAgeClock(t *testing.T) {
	c := newAgeClock(time.Now)
	if off := time.Since(c.now()); off < -time.Minute || off > time.Minute || c.since(time.Now().Add(-day).Unix()) < day {
		t.Errorf("it is %v off", off)
	}
}

package fetch

import (
	"context"
	"io"
	"math/rand/v2"
	"time"
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
	return r.Session.visit(ctx, r.show, func(tally *Tally, v Visit) {
		report(r.Log, r.Session.Provider, tally, v.Err, r.Verbose)
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
func (s *Session) visit(ctx context.Context, show func(*Tally) (stop func()), report func(*Tally, Visit)) Visit {
	tally := &Tally{}
	stop := show(tally)
	watched := s.Metrics.Watch(tally)
	err := s.Run(ctx, tally)
	watched(err)
	stop()
	v := VisitOf(tally, err)
	report(tally, v)
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

func (r *Reporter) repeat(ctx context.Context, schedule Schedule, session func(context.Context) Visit) {
	repeated := Repeat{
		Schedule: schedule,
		Session:  session,
		Random:   rand.Float64,
		Waiting: func(wait time.Duration) {
			if wait >= AtOnce && r.Verbose > Quiet { // a shorter wait has ended before this is read
				say(r.Log, "next try in %v", wait.Round(time.Second))
			}
		},
		Sleep: Sleep,
	}
	repeated.Run(ctx)
}

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
	tally := &Tally{}
	var meter *Meter
	if r.Verbose >= Dialogue || r.Terminal && r.Verbose == Normal {
		meter = StartMeter(r.Log, tally, r.Terminal)
	}
	watched := r.Session.Metrics.Watch(tally)
	err := r.Session.Run(ctx, tally)
	watched(err)
	if meter != nil {
		meter.Stop()
	}
	report(r.Log, r.Session.Provider, tally, err, r.Verbose)
	return VisitOf(tally, err)
}

// Repeat makes a session now and then until ctx is done.
func (r *Reporter) Repeat(ctx context.Context, every time.Duration) {
	r.repeat(ctx, NewEvery(every), r.Visit)
}

// Standing has a session all the time until ctx is done.
func (r *Reporter) Standing(ctx context.Context) {
	s := &StandingReporter{Session: r.Session, Log: r.Log, Terminal: r.Terminal, Verbose: r.Verbose}
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

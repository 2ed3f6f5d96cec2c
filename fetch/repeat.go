package fetch

import (
	"context"
	"sync"
	"time"
)

// A Repeat makes sessions again and again.
type Repeat struct {
	Schedule Schedule
	Session  func(ctx context.Context) Visit      // makes one and reports it
	Random   func() float64                       // in [0, 1)
	Waiting  func(wait time.Duration)             // told of each wait after a failure
	Sleep    func(context.Context, time.Duration) // as Sleep does
}

// A Visit is how a session went.
type Visit struct {
	Turned  bool
	Lasted  time.Duration // since the turn
	Fetched bool          // it brought mail
	Err     error         // as Session.Run returns it
}

// VisitOf tells how a session went that ends now, with what Session.Run returned.
func VisitOf(c Counts, err error) Visit {
	v := Visit{Turned: c.Turned(), Fetched: c.Messages > 0, Err: err}
	if v.Turned {
		v.Lasted = time.Since(c.Since)
	}
	return v
}

// wasStanding reports if the session lasted long enough to count as a standing one.
func (v Visit) wasStanding() bool { return v.Turned && v.Lasted >= MinStanding }

// refused reports if the receiving side took nothing: the provider may offer the same
// again at once.
func (v Visit) refused() bool { return ExitCode(v.Err) == ExitRefused }

// A Schedule says how long to wait for the next session.
type Schedule interface {
	// Wait returns the wait after a visit; random is in [0, 1), and spreads
	// customers that were started, or lost their provider, at the same time.
	Wait(v Visit, random float64) time.Duration
}

// Run returns once ctx is done.
func (r *Repeat) Run(ctx context.Context) {
	for ctx.Err() == nil {
		visit := r.Session(ctx)
		if ctx.Err() != nil {
			return
		}
		wait := r.Schedule.Wait(visit, r.Random())
		if visit.Err != nil {
			r.Waiting(wait)
		}
		r.Sleep(ctx, wait)
	}
}

// during looks now and then: first after a time, then after the time that look returned; 0
// is the last look. stop ends this too, and waits for a look that is under way.
func during(first time.Duration, look func() (next time.Duration)) (stop func()) {
	done := make(chan struct{})
	var working sync.WaitGroup
	working.Go(func() {
		for next := first; ; {
			select {
			case <-done:
				return
			case <-time.After(next):
			}
			if next = look(); next == 0 {
				return
			}
		}
	})
	return func() { close(done); working.Wait() }
}

// Sleep waits for d or until ctx is done.
func Sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

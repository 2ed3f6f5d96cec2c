package fetch

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

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

// repeat makes sessions again and again until ctx is done.
func (r *Reporter) repeat(ctx context.Context, schedule Schedule, session func(context.Context) Visit) {
	for ctx.Err() == nil {
		visit := session(ctx)
		if ctx.Err() != nil {
			return
		}
		wait := schedule.Wait(visit, rand.Float64())
		if visit.Err != nil && wait >= AtOnce && r.Verbose > Quiet { // a shorter wait has ended before this is read
			say(r.Log, "next try in %v", wait.Round(time.Second))
		}
		sleep(ctx, wait)
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

// sleep waits for d or until ctx is done.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

package fetch

import (
	"context"
	"time"
)

// MaxWait is the longest wait between sessions that failures lead to.
const MaxWait = 15 * time.Minute

// A Repeat makes sessions again and again.
type Repeat struct {
	Every   time.Duration                        // the wait after a success
	Session func(ctx context.Context) error      // makes one and reports it
	Random  func() float64                       // in [0, 1)
	Waiting func(wait time.Duration)             // told of each wait after a failure
	Sleep   func(context.Context, time.Duration) // as Sleep does
}

// Run returns once ctx is done. After failures it waits twice as long each
// time, up to MaxWait: a wrong password must not hammer at the provider.
func (r *Repeat) Run(ctx context.Context) {
	wait := r.Every
	for ctx.Err() == nil {
		err := r.Session(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			wait = r.Every
			r.Sleep(ctx, r.jitter(wait))
			continue
		}
		wait = max(r.Every, min(2*wait, MaxWait))
		spread := r.jitter(wait)
		r.Waiting(spread)
		r.Sleep(ctx, spread)
	}
}

// jitter spreads customers that were started at the same time, by a tenth.
func (r *Repeat) jitter(wait time.Duration) time.Duration {
	return time.Duration(float64(wait) * (0.9 + 0.2*r.Random()))
}

// Sleep waits for d or until ctx is done.
func Sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

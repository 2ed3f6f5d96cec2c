package fetch

import (
	"context"
	"errors"
	"time"
)

// errQuiet is why a session was ended from here: it stands, and brought all that waited.
var errQuiet = errors.New("nothing came for some time")

// untilQuiet returns a context that also ends when the session has brought nothing for
// Quiet, or up to twice as long. stop releases it.
func (s *Session) untilQuiet(ctx context.Context, tally *Tally) (quiet context.Context, stop func()) {
	if s.Quiet == 0 {
		return ctx, func() {}
	}
	quiet, cancel := context.WithCancelCause(ctx)
	go func() {
		tick := time.NewTicker(s.Quiet)
		defer tick.Stop()
		for last := int64(-1); ; {
			select {
			case <-quiet.Done():
				return
			case <-tick.C:
			}
			refused, _ := tally.Refused()
			now := tally.Received() + tally.Messages() + refused
			if now == last {
				cancel(errQuiet)
				return
			}
			last = now
		}
	}()
	return quiet, func() { cancel(nil) }
}

// endedQuietly reports if the error of a session comes from untilQuiet alone.
func endedQuietly(quiet context.Context, err error) bool {
	return errors.Is(err, ErrStopped) && context.Cause(quiet) == errQuiet
}

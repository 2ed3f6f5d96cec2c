package fetch

import "time"

// MaxWait is the longest wait between sessions that failures lead to.
const MaxWait = 15 * time.Minute

// Every is the Schedule of one session every so often.
type Every struct {
	every time.Duration
	wait  time.Duration
}

// NewEvery makes a Schedule with this wait after a success.
func NewEvery(every time.Duration) *Every { return &Every{every: every, wait: every} }

// Wait is twice as long after each failure, up to MaxWait: a wrong password must
// not hammer at the provider. After a standing session there is none.
func (e *Every) Wait(v Visit, random float64) time.Duration {
	if v.wasStanding() && !v.refused() {
		e.wait = e.every
		return min(upTo(AtOnce, random), e.every)
	}
	e.wait = max(e.every, min(2*e.wait, MaxWait))
	if v.Err == nil {
		e.wait = e.every
	}
	return time.Duration(float64(e.wait) * (0.9 + 0.2*random))
}

// AlwaysStanding is the Schedule of standing sessions: there is always one.
type AlwaysStanding struct{ wait time.Duration }

const (
	// MinStanding is how long a session must last to count as a standing one: a provider
	// or a receiving side that ends each at once must not be asked without a pause.
	MinStanding = time.Minute
	// AtOnce is the longest wait after a standing session: not none, as a provider
	// that starts anew gets all of its customers back.
	AtOnce = 2 * time.Second
	// Unwilling is the wait after 453: the provider allows no standing session, or not to
	// this login.
	Unwilling = time.Minute

	firstWait = time.Second     // after a session that failed or was short
	maxShort  = time.Minute     // after sessions that ended in order, or brought mail, but were short
	maxFailed = 5 * time.Minute // after failures that may pass by themselves
)

// Wait grows while sessions fail or do not last. If a person must help, as with a
// refused password, the wait starts with a minute and grows up to MaxWait.
func (s *AlwaysStanding) Wait(v Visit, random float64) time.Duration {
	switch {
	case v.wasStanding() && !v.refused():
		s.wait = 0
		return upTo(AtOnce, random)
	case v.Err == nil && !v.Turned:
		s.wait = 0
		return upToHalfMore(Unwilling, random)
	case v.Err != nil && ExitCode(v.Err) != ExitLater:
		s.grow(time.Minute, MaxWait)
	case v.Err == nil || v.Fetched:
		s.grow(firstWait, maxShort)
	default:
		s.grow(firstWait, maxFailed)
	}
	return upToHalfMore(s.wait, random)
}

func (s *AlwaysStanding) grow(from, to time.Duration) { s.wait = min(max(2*s.wait, from), to) }

func upTo(most time.Duration, random float64) time.Duration {
	return time.Duration(float64(most) * random)
}

func upToHalfMore(wait time.Duration, random float64) time.Duration {
	return time.Duration(float64(wait) * (1 + random/2))
}

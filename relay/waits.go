package relay

import "time"

// waits are how long a session that stands waits for what.
type waits struct {
	takeOver   time.Duration // for another session to end, before ATRN is answered
	claim      time.Duration // for a session that stands to end, before vodmr-expire gives up
	probe      time.Duration // for a sign of life, once another session asks
	firstRetry time.Duration // before a message that was kept is tried again; then twice that
	lastRetry  time.Duration // and at most this
	lastBroken time.Duration // or at most this, before one that broke sessions goes again
	reread     time.Duration // before a file that cannot be offered is looked at again
}

func standardWaits() *waits {
	return &waits{
		takeOver:   15 * time.Second,
		claim:      90 * time.Second,
		probe:      10 * time.Second,
		firstRetry: 5 * time.Minute,
		lastRetry:  time.Hour,
		lastBroken: 24 * time.Hour,
		reread:     time.Hour,
	}
}

// pace returns the waits of this session.
func (s *session) pace() *waits {
	if s.waits == nil {
		s.waits = standardWaits()
	}
	return s.waits
}

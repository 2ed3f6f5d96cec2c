package relay

import (
	"time"

	"vodmr/relay/grant"
	"vodmr/relay/spool"
)

// timings are how long a session waits for what.
type timings struct {
	takeOver time.Duration // for another session to end, before ATRN is answered
	probe    time.Duration // for a sign of life, once another session asks
	hang     time.Duration // for the file system, until ATRN is answered
	look     time.Duration // for the next look, if VODMR_LOOK is not set
	retries  spool.Timings
}

func standardTimings() *timings {
	return &timings{takeOver: 15 * time.Second, probe: 10 * time.Second, hang: 25 * time.Second, look: grant.LookStandard, retries: *spool.StandardTimings()}
}

// timings returns those of this session.
func (s *session) timings() *timings {
	if s.Config.timings == nil {
		s.Config.timings = standardTimings()
	}
	return s.Config.timings
}

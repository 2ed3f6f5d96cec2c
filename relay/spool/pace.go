package spool

import "time"

// A pace tells if the Maildir's file system is slow, as one over a network is: then
// reading and removing overlap with all else. On a local disk a call takes some
// microseconds, and handing it to another thread would cost more than it saves.
type pace struct {
	timings *Timings
	score   int // see took
}

const (
	// slowScore is how many slow calls in a row are no accident: on a busy machine one or
	// two take long for lack of a processor.
	slowScore = 8
	mostScore = 2 * slowScore
	// fastCall is how many slow ones a fast call outweighs.
	fastCall = 4
)

// took takes how long one call took.
func (p *pace) took(d time.Duration) {
	if d >= p.timings.SlowCall {
		p.score = min(p.score+1, mostScore)
	} else {
		p.score = max(p.score-fastCall, 0)
	}
}

func (p *pace) slow() bool { return p.score >= slowScore || p.timings.SlowCall == 0 }

package spool

import "time"

// A pace tells if the Maildir's file system is slow, as one over a network is: then
// reading and removing overlap with all else. On a local disk a call takes some
// microseconds, and handing it to another thread would cost more than it saves.
type pace struct {
	timings *Timings
	inARow  int // slow calls
}

// slowInARow is how many slow calls in a row are no accident.
const slowInARow = 3

// took takes how long one call took.
func (p *pace) took(since time.Time) {
	if p.slow() {
		return // what is done beside the session is not measured
	}
	p.inARow++
	if time.Since(since) < p.timings.SlowCall {
		p.inARow = 0
	}
}

func (p *pace) slow() bool { return p.inARow >= slowInARow }

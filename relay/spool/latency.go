package spool

import (
	"time"

	"vodmr/internal/hang"
	"vodmr/internal/logline"
	"vodmr/maildir"
)

// A latency tells if the Maildir's file system is slow, as one over a network is: then
// reading and removing overlap with all else. On a local disk a call takes some
// microseconds, and handing it to another thread would cost more than it saves.
type latency struct {
	timings *Timings
	score   int             // see took
	log     *logline.Logger // nil for none
}

const (
	// slowScore is how many slow calls in a row are no accident: on a busy machine one or
	// two take long for lack of a processor.
	slowScore = 8
	mostScore = 2 * slowScore
	// fastCall is how many slow ones a fast call outweighs.
	fastCall = 2
)

// took takes how long one call took.
func (l *latency) took(d time.Duration) {
	if d >= l.timings.SlowCall {
		l.score = min(l.score+1, mostScore)
	} else {
		l.score = max(l.score-fastCall, 0)
	}
}

func (l *latency) slow() bool { return l.score >= slowScore || l.timings.SlowCall == 0 }

// call takes how long a call took that was made for a file, and logs it if it hung.
func (l *latency) call(name string, entry maildir.Entry, d time.Duration) {
	l.took(d)
	if d >= hang.Long && l.log != nil {
		hang.Log(l.log, name+" "+entry.Path(), hang.Hung, d)
	}
}

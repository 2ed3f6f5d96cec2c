package spool

import (
	"hash/fnv"
	"math"
	"time"

	"vodmr/relay/spool/history"
)

// Timings are how long a standing session waits before it tries a message again, and what
// is long for a call.
type Timings struct {
	FirstRetry time.Duration // before a message that was kept is tried again; then twice that
	LastRetry  time.Duration // and at most this
	LastBroken time.Duration // or at most this, before a message that broke sessions goes again
	Reread     time.Duration // before a file that cannot be offered is looked at again

	SlowCall time.Duration // a file system whose calls take this long is slow; see latency
	Fresh    time.Duration // for so long a message that was read is believed to be there
}

// StandardTimings are the timings outside of tests.
func StandardTimings() *Timings {
	return &Timings{FirstRetry: 5 * time.Minute, LastRetry: time.Hour, LastBroken: 24 * time.Hour, Reread: time.Hour,
		SlowCall: 200 * time.Microsecond, Fresh: 5 * time.Second}
}

// retryTimes knows which messages a standing session has looked at and left in the
// Maildir, so that its next look passes over them until they are due. A name that shares
// another's hash only waits for as long.
type retryTimes struct {
	standing bool // if not, there is nothing to remember
	start    time.Time
	clock    func() time.Time
	timings  *Timings
	looked   bool // Look was called
	// retryAt is when, counted from start, by the hash of each base name.
	retryAt map[uint64]time.Duration
}

// notThisSession is a wait beyond this session.
const notThisSession = time.Duration(math.MaxInt64)

func hash(base []byte) uint64 {
	sum := fnv.New64a()
	_, _ = sum.Write(base)
	return sum.Sum64()
}

// postpone passes over a message until the wait is over.
func (r *retryTimes) postpone(base string, wait time.Duration) {
	if !r.standing {
		return
	}
	if r.retryAt == nil {
		r.retryAt = make(map[uint64]time.Duration)
	}
	at := notThisSession
	if wait < notThisSession {
		at = time.Since(r.start) + wait
	}
	r.retryAt[hash([]byte(base))] = at
}

// retryWait is how long a message that was kept waits for its next try. The more
// often it was tried, in this session and before, the longer.
func (r *retryTimes) retryWait(tries int) time.Duration {
	return doubled(r.timings.FirstRetry, tries-1, r.timings.LastRetry)
}

// doubled is the wait, doubled so often, up to a limit.
func doubled(wait time.Duration, times int, most time.Duration) time.Duration {
	for range times {
		if wait *= 2; wait >= most {
			return most
		}
	}
	return wait
}

// tooRecent postpones a message that the previous session deferred moments ago; otherwise
// a customer that reconnects at once would be offered it again and again. refused is when
// a server that is not trusted refused any mail last, in Unix seconds: then all mail
// waits. A suspect waits for longer each time: it goes last, which is at once if no other
// mail waits, so that no standing session would last.
func (r *retryTimes) tooRecent(base string, note history.Note, refused int64) bool {
	if !r.standing || r.looked {
		return false
	}
	wait, last := r.timings.FirstRetry, max(note.Last, refused)
	if note.Breaks >= history.DemoteAfter {
		wait, last = doubled(wait, note.Breaks-history.DemoteAfter, r.timings.LastBroken), note.Broke
	}
	since := r.clock().Sub(time.Unix(last, 0))
	wait -= since
	if since < 0 || wait <= 0 {
		return false
	}
	r.postpone(base, wait)
	return true
}

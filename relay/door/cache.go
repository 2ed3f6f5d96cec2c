package door

import (
	"time"

	"vodmr/relay/spool/history"
)

const (
	// maxCached is how many answers are remembered: half a megabyte at most.
	maxCached = 1000
	keepYes   = history.AcceptedFor
	keepNo    = history.RefusedFor // also for "nobody knows": a new account must not wait for long
)

// A cache remembers answers. Once it is full the oldest goes.
type cache struct {
	answers map[string]cached
	order   []string // as they were added, oldest first; the same address may be there twice
}

type cached struct {
	answer Answer
	since  time.Time
}

func (c *cache) of(normal string, now time.Time) (Answer, bool) {
	found, ok := c.answers[normal]
	keep := keepNo
	if found.answer.Verdict == Yes {
		keep = keepYes
	}
	if age := now.Sub(found.since); !ok || age >= keep || age < 0 {
		return Answer{}, false
	}
	return found.answer, true
}

func (c *cache) add(normal string, answer Answer, now time.Time) {
	if c.answers == nil {
		c.answers = make(map[string]cached)
	}
	c.answers[normal] = cached{answer, now}
	c.order = append(c.order, normal)
	for len(c.order) > maxCached {
		delete(c.answers, c.order[0])
		c.order = c.order[1:]
	}
}

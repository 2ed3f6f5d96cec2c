package main

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// An action is something to do at a certain time.
type action struct {
	at   time.Duration
	what func() error
}

// schedule plans all actions, at random times within the span.
func schedule(boxes []*box, random *rand.Rand, span time.Duration, rate float64) []action {
	var plan []action
	add := func(what func() error) {
		plan = append(plan, action{time.Duration(random.Int64N(int64(span) + 1)), what})
	}
	for _, b := range boxes {
		for range b.messages {
			add(b.deliver)
		}
	}
	for range int(rate * span.Seconds()) {
		add(boxes[random.IntN(len(boxes))].meddle)
	}
	slices.SortStableFunc(plan, func(a, b action) int { return cmp.Compare(a.at, b.at) })
	return plan
}

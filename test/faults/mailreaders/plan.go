package main

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// A deed is what is done when.
type deed struct {
	at   time.Duration
	what func() error
}

// schedule plans all deeds, at random times within the span.
func schedule(boxes []*box, random *rand.Rand, span time.Duration, rate float64) []deed {
	var plan []deed
	add := func(what func() error) {
		plan = append(plan, deed{time.Duration(random.Int64N(int64(span) + 1)), what})
	}
	for _, b := range boxes {
		for range b.parcels {
			add(b.deliver)
		}
	}
	for range int(rate * span.Seconds()) {
		add(boxes[random.IntN(len(boxes))].meddle)
	}
	slices.SortStableFunc(plan, func(a, b deed) int { return cmp.Compare(a.at, b.at) })
	return plan
}

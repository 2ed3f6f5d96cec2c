package relay

import "time"

// An allowance is how many refused questions a server still puts up with. Mail that it
// takes makes it full, as that has servers forget the refusals; without mail it becomes
// full again within a while.
type allowance struct {
	most, left float64
	since      time.Time // left is of then
}

// refillTime is how long an empty allowance takes to become full.
const refillTime = 40 * time.Minute

func (a *allowance) refill(now time.Time) {
	a.left = min(a.most, a.left+a.most*float64(now.Sub(a.since))/float64(refillTime))
	a.since = now
}

// any reports if a question may be asked.
func (a *allowance) any(now time.Time) bool {
	a.refill(now)
	return a.left >= 1
}

// spend takes one refusal.
func (a *allowance) spend(now time.Time) {
	a.refill(now)
	a.left--
}

// fill makes it full: the server took mail.
func (a *allowance) fill(now time.Time) { a.left, a.since = a.most, now }

package history

import (
	"strconv"
	"time"
)

// bounceDay is for how many seconds, from the first one on, bounces are counted together.
const bounceDay = int64(24 * time.Hour / time.Second)

// Bounces returns how many bounces of this mailbox went out in the current day. A day
// begins with its first bounce.
func (h *History) Bounces() int {
	if age := h.state.clock().Unix() - h.state.bouncedSince; age < 0 || age >= bounceDay {
		return 0
	}
	return h.state.bounced
}

// Bounced counts one more.
func (h *History) Bounced() {
	h.state.bounced = h.Bounces() + 1
	if h.state.bounced == 1 {
		h.state.bouncedSince = h.state.clock().Unix()
	}
	h.out.add(h.state.appendBounced(h.out.pending))
}

// appendBounced appends the line that tells the count.
func (s *state) appendBounced(buf []byte) []byte {
	return appendNote(buf, s.bouncedSince, "bounced", strconv.Itoa(s.bounced))
}

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
	if age := h.clock().Unix() - h.bouncedSince; age < 0 || age >= bounceDay {
		return 0
	}
	return h.bounced
}

// Bounced counts one more.
func (h *History) Bounced() {
	h.bounced = h.Bounces() + 1
	if h.bounced == 1 {
		h.bouncedSince = h.clock().Unix()
	}
	h.out.add(h.appendBounced(h.out.pending))
}

// appendBounced appends the line that tells the count.
func (h *History) appendBounced(buf []byte) []byte {
	return appendNote(buf, h.bouncedSince, "bounced", strconv.Itoa(h.bounced))
}

// setBounced takes the values of such a line.
func (h *History) setBounced(number string, since int64) bool {
	bounced, ok := count(number)
	if ok {
		h.bounced, h.bouncedSince = bounced, since
	}
	return ok
}

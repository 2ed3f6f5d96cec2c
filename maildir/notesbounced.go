package maildir

import (
	"strconv"
	"time"
)

// bounceDay is for how many seconds from the first on bounces are counted together.
const bounceDay = int64(24 * time.Hour / time.Second)

// Bounces is how many bounces of this mailbox went out in the day that runs. A day
// begins with its first bounce.
func (n *Notes) Bounces() int {
	if age := n.clock().Unix() - n.bouncedSince; age < 0 || age >= bounceDay {
		return 0
	}
	return n.bounced
}

// Bounced counts one more.
func (n *Notes) Bounced() {
	n.bounced = n.Bounces() + 1
	if n.bounced == 1 {
		n.bouncedSince = n.clock().Unix()
	}
	n.out.add(n.appendBounced(n.out.pending))
}

// appendBounced appends the line that tells the count.
func (n *Notes) appendBounced(buf []byte) []byte {
	return appendNote(buf, n.bouncedSince, "bounced", strconv.Itoa(n.bounced))
}

// setBounced takes what such a line says.
func (n *Notes) setBounced(number string, since int64) bool {
	bounced, ok := count(number)
	if ok {
		n.bounced, n.bouncedSince = bounced, since
	}
	return ok
}

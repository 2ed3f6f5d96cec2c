package history

import (
	"strconv"
	"time"
)

// A ladder tells how much the customer's server is trusted to cope with. On rung 0 it gets
// all that it offers, on rung 1 one transaction at a time, on rung 2 one command at a time.
type ladder struct {
	rung  int
	taken int   // messages that it took on this rung
	since int64 // when it came to this rung, in Unix seconds
	alone bool  // no two transactions were in flight together since the session began
}

const (
	lastRung = 2
	// A rung is climbed once so many messages were taken on it, or after so long.
	climbTaken = 20
	climbAfter = 24 * time.Hour
)

// Rung returns the rung that the session is to keep to, from 0 to 2. A server that behaves
// is moved to a better rung with time.
func (h *History) Rung() int {
	h.climb()
	return h.state.ladder.rung
}

// Lower notes that the session broke with mail in flight: the next one begins a rung
// lower. Call Flush after it.
func (h *History) Lower() {
	h.moveTo(min(h.state.ladder.rung+1, lastRung), 0, h.state.clock().Unix())
}

// climb rises by a rung for each day that has passed.
func (h *History) climb() {
	l, now := &h.state.ladder, h.state.clock().Unix()
	const day = int64(climbAfter / time.Second)
	if l.rung > 0 && l.since > now { // a clock was wrong
		h.moveTo(l.rung, l.taken, now)
	}
	for l.rung > 0 && now-l.since >= day {
		h.moveTo(l.rung-1, 0, l.since+day)
	}
}

// takenOn counts messages that were taken on this rung, and climbs after enough of them.
func (h *History) takenOn(messages int) {
	l := &h.state.ladder
	if l.rung == 0 {
		return
	}
	if l.taken+messages >= climbTaken {
		h.moveTo(l.rung-1, 0, h.state.clock().Unix())
	} else {
		h.moveTo(l.rung, l.taken+messages, l.since)
	}
}

// moveTo has the server on a rung, and notes it.
func (h *History) moveTo(rung, taken int, since int64) {
	h.state.setRung(rung, taken, since)
	h.out.add(h.state.ladder.appendTo(h.out.pending))
}

func (s *state) setRung(rung, taken int, since int64) {
	l := &s.ladder
	l.alone = l.alone && rung > 0
	l.rung, l.taken, l.since = rung, taken, since
}

func (l *ladder) appendTo(buf []byte) []byte {
	return appendNote(buf, l.since, "rung", strconv.Itoa(l.rung), int64(l.taken))
}

// breaks returns how many breaks a suspect of the last session has now. If each transaction
// went alone, no other can have broken the session, so the message is demoted at once.
func (s *state) breaks(base string) int {
	breaks := s.of(base).Breaks + 1
	if s.ladder.alone {
		breaks = max(breaks, DemoteAfter)
	}
	return breaks
}

package main

import (
	"slices"
	"strings"
)

// partialIOCalls are the calls that may move less than they were asked to, and those
// that may be done and still report an error: a close if data could not be stored, or
// a removal if the answer of the file server was lost.
func partialIOCalls() map[string][]string {
	moves := []string{"read", "pread64", "write", "sendmsg", "recvfrom"}
	done := []string{"close", "unlinkat", "renameat", "linkat", "write", "fsync"}
	return map[string][]string{"short": moves, "done-EIO": done}
}

// partialIOCall makes the Nth call of each such name move one byte, or return EIO
// although it was done.
func partialIOCall() []series {
	var all []series
	for _, c := range failedChains() {
		for what, calls := range partialIOCalls() {
			for _, call := range calls {
				all = append(all, series{name: what + "/" + c.name + "/" + call, try: func(t *trial) { partialIO(t, c, call, what) }})
			}
		}
	}
	slices.SortFunc(all, func(a, b series) int { return strings.Compare(a.name, b.name) })
	return all
}

// exitLoader is the exit code if the system's loader could not load the program. The
// loader trusts a short read, and none of our code has run by then.
const exitLoader = 127

func partialIO(t *trial, c failed, call, what string) {
	s := newSite(t, c.chain, c.mode, c.chain.mail())
	if t.broken != nil {
		return
	}
	w := t.wire(call, what, t.n)
	one := s.session(w.wrap)
	t.fired, _ = w.struck()
	t.struck = t.fired && one.code != exitLoader
	broken := one.broken()
	if what == "short" && t.struck && (!one.cleanEnd || s.leftBehind() > 0) {
		s.fail("a short %s broke the session: %s", call, one.how())
	}
	// If a message or a bounce was written whole but reported as failed, it is sent
	// again.
	if what != "short" && (call == "write" || call == "linkat" || call == "fsync") {
		broken = 1
	}
	s.settle(broken)
}

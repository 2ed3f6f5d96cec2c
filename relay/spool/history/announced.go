package history

// Each append is a call, and over a network file system it takes as long as a message. So
// with the transaction that begins, those are noted that will follow it: one append for a
// whole window. If the process is killed, the first message without an answer is still the
// first that is noted and there. It is only the wrong one if nothing was in flight at that
// moment: then an innocent message is blamed, once.

// Announce notes that these messages will follow, each in a transaction of its own and in
// this order. Sent then adds no line for them as long as they do.
func (h *History) Announce(bases []string) {
	for _, base := range bases {
		h.state.setSent(base, false)
		h.addLine(sentVerb(0), base)
	}
	h.announced = append(h.announced, bases...)
}

// Withdraw notes that what was announced and not sent will not follow.
func (h *History) Withdraw() {
	for _, base := range h.announced {
		if _, unanswered := h.state.unanswered[base]; unanswered {
			h.Retry(base)
		}
	}
	h.announced = nil
}

// announced are base names, in the order in which they are to be sent.
type announced []string

// next reports if these messages are the next that was announced, and alone, and takes it
// off. Those that were announced before it and have been settled since do not count.
func (a *announced) next(bases []string, unanswered map[string]int) bool {
	for len(*a) > 0 {
		next := (*a)[0]
		_, open := unanswered[next]
		if open && (len(bases) != 1 || next != bases[0]) {
			return false
		}
		*a = (*a)[1:]
		if open {
			return true
		}
	}
	return false
}

// Unwritten reports if anything is to be written before the next message is sent.
func (h *History) Unwritten() bool { return len(h.out.pending) > 0 || h.out.dropped }

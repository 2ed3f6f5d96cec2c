package history

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// The changes that each verb makes to the state, both when it is read from the file and
// when it happens.

func (h *History) begin(session string) {
	if session == "" {
		session = unnamed
	}
	h.session = session
	h.ladder.alone = h.ladder.rung > 0
	clear(h.unanswered)
}

// setSent begins a transaction, or joins that of the line before if also is true. If that
// line is lost, it begins one: to suspect too few messages is better than to suspect one
// of another transaction.
func (h *History) setSent(base string, also bool) {
	if !also || !h.sending {
		h.places++
	}
	h.unanswered[base] = h.places
	h.sending = true
	h.tooMuch = h.tooMuch || h.loading && len(h.unanswered) > maxUnanswered
}

func (h *History) setRetry(base string) { delete(h.unanswered, base) }

// setKept reports if there was room to remember it, at least without the reply's
// text.
func (h *History) setKept(base string, tries int, first, last int64, reply string) bool {
	delete(h.unanswered, base)
	note := h.Of(base)
	note.Tries, note.First, note.Last, note.Reply, note.Reason = tries, first, last, reply, ""
	note.Breaks, note.Broke = 0, 0
	if h.put(base, note, h.textBounds()) {
		return true
	}
	note.Reply = strings.Clone(reply[:min(len(reply), len("450"))])
	return h.put(base, note, h.mayBounds())
}

// setStays reports if there was room to remember it.
func (h *History) setStays(base, reason string) bool {
	delete(h.unanswered, base)
	note := h.Of(base)
	if h.reasons >= maxReasons && note.Reason == "" {
		return false
	}
	note.Reason = reason
	return h.put(base, note, h.mayBounds())
}

// setBroke reports if there was room to remember it.
func (h *History) setBroke(base string, breaks int, when int64) bool {
	delete(h.unanswered, base)
	note := h.Of(base)
	note.Breaks, note.Broke = breaks, when
	return h.put(base, note, h.mustBounds())
}

// setDone reports if there was room to remember it. If it were forgotten, the message would
// be sent twice.
func (h *History) setDone(base string, last int64) bool {
	delete(h.unanswered, base)
	note := h.Of(base)
	note.Done, note.Last = true, last
	return h.put(base, note, h.mustBounds())
}

func (h *History) drop(base string) {
	if note := h.files[base]; note != nil {
		h.account(base, note, -1)
		delete(h.files, base)
	}
}

// inFlight returns the transactions that were sent and not answered, in the order of
// sending, and the messages of each by name.
func (h *History) inFlight() [][]string {
	bases := slices.SortedFunc(maps.Keys(h.unanswered), func(a, b string) int {
		return cmp.Or(h.unanswered[a]-h.unanswered[b], strings.Compare(a, b))
	})
	var transactions [][]string
	for len(bases) > 0 {
		end := 1
		for end < len(bases) && h.unanswered[bases[end]] == h.unanswered[bases[0]] {
			end++
		}
		transactions = append(transactions, bases[:end:end])
		bases = bases[end:]
	}
	return transactions
}

// suspects returns the messages of the first transaction in flight of which any is there.
func (h *History) suspects(there map[string]bool) []string {
	for _, bases := range h.inFlight() {
		left := slices.DeleteFunc(bases, func(base string) bool { return !there[base] })
		if len(left) > 0 {
			return left
		}
	}
	return nil
}

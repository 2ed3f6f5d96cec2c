package maildir

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// What each verb does to the state, whether it is read from the file or happens now.

func (n *Notes) begin(session string) {
	if session == "" {
		session = unnamed
	}
	n.session = session
	n.ladder.alone = n.ladder.rung > 0
	clear(n.unanswered)
}

// setSent begins a transaction, or joins the one of the line before where also says so.
// Where that line is lost, it begins one: to suspect too few is better than a message
// of another transaction.
func (n *Notes) setSent(base string, also bool) {
	if !also || !n.sending {
		n.places++
	}
	n.unanswered[base] = n.places
	n.sending = true
	n.over = n.over || n.loading && len(n.unanswered) > maxUnanswered
}

func (n *Notes) setAgain(base string) { delete(n.unanswered, base) }

// setKept reports whether there was room to remember it, at least without the reply's
// text.
func (n *Notes) setKept(base string, tries int, first, last int64, reply string) bool {
	delete(n.unanswered, base)
	note := n.Of(base)
	note.Tries, note.First, note.Last, note.Reply, note.Reason = tries, first, last, reply, ""
	note.Breaks, note.Broke = 0, 0
	if n.put(base, note, n.textBounds()) {
		return true
	}
	note.Reply = strings.Clone(reply[:min(len(reply), len("450"))])
	return n.put(base, note, n.mayBounds())
}

// setStays reports whether there was room to remember it.
func (n *Notes) setStays(base, reason string) bool {
	delete(n.unanswered, base)
	note := n.Of(base)
	if n.reasons >= maxReasons && note.Reason == "" {
		return false
	}
	note.Reason = reason
	return n.put(base, note, n.mayBounds())
}

// setBroke reports whether there was room to remember it.
func (n *Notes) setBroke(base string, breaks int, when int64) bool {
	delete(n.unanswered, base)
	note := n.Of(base)
	note.Breaks, note.Broke = breaks, when
	return n.put(base, note, n.mustBounds())
}

// setDone reports whether there was room to remember it: to forget it would send the
// message twice.
func (n *Notes) setDone(base string, last int64) bool {
	delete(n.unanswered, base)
	note := n.Of(base)
	note.Done, note.Last = true, last
	return n.put(base, note, n.mustBounds())
}

func (n *Notes) drop(base string) {
	if note := n.files[base]; note != nil {
		n.account(base, note, -1)
		delete(n.files, base)
	}
}

// inFlight is what was sent and not answered: the transactions in the order of sending,
// the messages of each by name.
func (n *Notes) inFlight() [][]string {
	bases := slices.SortedFunc(maps.Keys(n.unanswered), func(a, b string) int {
		return cmp.Or(n.unanswered[a]-n.unanswered[b], strings.Compare(a, b))
	})
	var transactions [][]string
	for len(bases) > 0 {
		end := 1
		for end < len(bases) && n.unanswered[bases[end]] == n.unanswered[bases[0]] {
			end++
		}
		transactions = append(transactions, bases[:end:end])
		bases = bases[end:]
	}
	return transactions
}

// suspects are the messages of the first transaction in flight that has any there.
func (n *Notes) suspects(there map[string]bool) []string {
	for _, bases := range n.inFlight() {
		left := slices.DeleteFunc(bases, func(base string) bool { return !there[base] })
		if len(left) > 0 {
			return left
		}
	}
	return nil
}

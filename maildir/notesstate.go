package maildir

import (
	"maps"
	"slices"
)

// What each verb does to the state, whether it is read from the file or happens now.

func (n *Notes) begin(session string) {
	if session == "" {
		session = "unnamed"
	}
	n.session = session
	clear(n.unanswered)
}

func (n *Notes) setSent(base string) {
	n.places++
	n.unanswered[base] = n.places
}

// setKept reports whether there was room to remember it.
func (n *Notes) setKept(base string, tries int, first, last int64, reply string) bool {
	delete(n.unanswered, base)
	note := n.note(base, maxNotes)
	if note == nil {
		return false
	}
	if note.Reply == "" && len(n.files) > maxTexts {
		reply = ""
	}
	n.setReason(note, "")
	note.Tries, note.First, note.Last, note.Reply, note.Breaks = tries, first, last, reply, 0
	return true
}

// setStays reports whether there was room to remember it.
func (n *Notes) setStays(base, reason string) bool {
	delete(n.unanswered, base)
	if n.reasons >= maxReasons && n.Of(base).Reason == "" {
		return false
	}
	note := n.note(base, maxNotes)
	if note == nil {
		return false
	}
	n.setReason(note, reason)
	return true
}

func (n *Notes) setReason(note *Note, reason string) {
	if note.Reason != "" {
		n.reasons--
	}
	if reason != "" {
		n.reasons++
	}
	note.Reason = reason
}

// setBroke has no bound: a session breaks once.
func (n *Notes) setBroke(base string, breaks int) {
	delete(n.unanswered, base)
	n.note(base, 0).Breaks = breaks
}

// setDone has no bound: to forget it would send the message twice.
func (n *Notes) setDone(base string, last int64) {
	delete(n.unanswered, base)
	note := n.note(base, 0)
	note.Done, note.Last = true, last
}

// note finds or makes the note of a message; nil where there are limit notes already.
func (n *Notes) note(base string, limit int) *Note {
	note := n.files[base]
	if note == nil && (limit == 0 || len(n.files) < limit) {
		note = new(Note)
		n.files[base] = note
	}
	return note
}

func (n *Notes) drop(base string) {
	if note := n.files[base]; note != nil {
		n.setReason(note, "")
		delete(n.files, base)
	}
}

// inFlight is what was sent and not answered, in the order of sending.
func (n *Notes) inFlight() []string {
	return slices.SortedFunc(maps.Keys(n.unanswered), func(a, b string) int {
		return n.unanswered[a] - n.unanswered[b]
	})
}

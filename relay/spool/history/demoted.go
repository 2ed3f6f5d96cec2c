package history

import "slices"

// DemoteAfter is how many sessions in a row a message must have broken, as the first
// that had no answer, to go last and alone.
const DemoteAfter = 2

// maxPassed is how many sessions in a row may break before a message that was set
// aside had its turn. Beyond it, the line is likelier to be at fault than the message,
// which would else wait for as long as the line is bad and new mail comes. Of so many
// sessions, messages that are at fault cost one.
const maxPassed = 10

// Due says whether a message that was set aside is to have its turn at its own place in
// the order: then it is how many sessions that message broke, else 0. It is the one that
// broke the fewest.
func (h *History) DemotedTurn() (breaks int) {
	if h.passed < maxPassed {
		return 0
	}
	return h.fewest()
}

// fewest are the fewest breaks of a message that was set aside; 0 where none is.
func (h *History) fewest() (breaks int) {
	for _, note := range h.files {
		if note.Breaks >= DemoteAfter && (breaks == 0 || note.Breaks < breaks) {
			breaks = note.Breaks
		}
	}
	return breaks
}

// passOver counts the last session, if it broke before a message that was set aside had
// its turn. suspects have their old Breaks still.
func (h *History) passOver(suspects []string) {
	turn := slices.ContainsFunc(suspects, func(base string) bool { return h.Of(base).Breaks >= DemoteAfter })
	if h.session == cleanEnd || h.session == unnamed || turn || h.fewest() == 0 {
		h.passed = 0
		return
	}
	h.passed++
}

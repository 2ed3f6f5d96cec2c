package maildir

import "slices"

// SetAside is how many sessions in a row a message must have broken, as the first
// that had no answer, to go last and alone.
const SetAside = 2

// patience is how many sessions in a row may break before a message that was set
// aside had its turn. Beyond it, the line is likelier to be at fault than the message,
// which would else wait for as long as the line is bad and new mail comes. Of so many
// sessions, messages that are at fault cost one.
const patience = 10

// Due says whether a message that was set aside is to have its turn at its own place in
// the order: then it is how many sessions that message broke, else 0. It is the one that
// broke the fewest.
func (n *Notes) Due() (breaks int) {
	if n.passed < patience {
		return 0
	}
	return n.fewest()
}

// fewest are the fewest breaks of a message that was set aside; 0 where none is.
func (n *Notes) fewest() (breaks int) {
	for _, note := range n.files {
		if note.Breaks >= SetAside && (breaks == 0 || note.Breaks < breaks) {
			breaks = note.Breaks
		}
	}
	return breaks
}

// passOver counts the last session, if it broke before a message that was set aside had
// its turn. suspects have their old Breaks still.
func (n *Notes) passOver(suspects []string) {
	turn := slices.ContainsFunc(suspects, func(base string) bool { return n.Of(base).Breaks >= SetAside })
	if n.session == inOrder || n.session == unnamed || turn || n.fewest() == 0 {
		n.passed = 0
		return
	}
	n.passed++
}

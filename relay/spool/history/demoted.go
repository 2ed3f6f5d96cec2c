package history

import "slices"

// DemoteAfter is how many sessions in a row a message must have broken, as the first one
// without an answer, to be demoted: it goes last and alone.
const DemoteAfter = 2

// maxPassed is how many sessions in a row may break before a demoted message gets its
// turn. If more break, the connection is likelier to be at fault than the message, which
// would otherwise wait for as long as the connection is bad and new mail comes. A message
// that is at fault costs one session of so many.
const maxPassed = 10

// DemotedTurn reports if a demoted message is to have its turn at its own place in the
// order, the one that broke the fewest sessions. It returns that number, or 0 if none is.
func (h *History) DemotedTurn() (breaks int) {
	if h.state.passed < maxPassed {
		return 0
	}
	return h.state.fewest()
}

// fewest returns the fewest breaks of a demoted message, or 0 if there is none.
func (s *state) fewest() (breaks int) {
	for _, note := range s.files {
		if note.Breaks >= DemoteAfter && (breaks == 0 || note.Breaks < breaks) {
			breaks = note.Breaks
		}
	}
	return breaks
}

// passOver counts the last session if it broke before a demoted message had its turn.
// suspects still have their old Breaks.
func (s *state) passOver(suspects []string) {
	turn := slices.ContainsFunc(suspects, func(base string) bool { return s.of(base).Breaks >= DemoteAfter })
	if s.session == cleanEnd || s.session == unnamed || turn || s.fewest() == 0 {
		s.passed = 0
		return
	}
	s.passed++
}

package history

// The notes of messages are bounded, and so are the memory that they take (some 200 bytes
// each beside their names and texts) and the file.
const (
	maxNotes   = 10000 // more deferrals begin anew in each session
	mustNotes  = 12000 // with those that must be kept: of delivered messages, and suspects
	maxReasons = 5000  // more of them are counted but not logged

	// Bytes of the lines that make all notes again.
	textSize = 1 << 20 // beyond it, only the code of a reply is kept
	maxSize  = 2 << 20
	mustSize = 3 << 20

	// A file holds the notes from when it was rewritten, and so many lines since.
	maxLoaded     = mustNotes + mostLines
	loadedSize    = 4 << 20
	maxUnanswered = mostLines + 1000
)

// bounds are the most notes, and bytes of their lines.
type bounds struct{ notes, size int }

// bounds returns the bounds of notes that may be dropped, with so many bytes. For a file that
// is being read, the largest ones apply, since all of it was once written.
func (s *state) bounds(size int) bounds {
	if s.loading {
		return bounds{mustNotes, mustSize}
	}
	return bounds{maxNotes, size}
}

// mustBounds returns the bounds of notes that must be kept. Notes that were dropped since
// the file was rewritten are still in it, so the file may hold more.
func (s *state) mustBounds() bounds {
	if s.loading {
		return bounds{maxLoaded, loadedSize}
	}
	return bounds{mustNotes, mustSize}
}

// Full reports if there is no room for a note of one more delivered message.
func (h *History) Full() bool {
	most := h.state.mustBounds()
	return len(h.state.files) >= most.notes || h.state.size+maxNoteLine > most.size
}

// put replaces a message's note, if there is room.
func (s *state) put(base string, note Note, most bounds) bool {
	old := s.files[base]
	size, notes := s.size+stateSize(base, &note), len(s.files)
	if old == nil {
		notes++
	} else {
		size -= stateSize(base, old)
	}
	if notes > len(s.files) && notes > most.notes || size > s.size && size > most.size {
		s.tooMuch = s.tooMuch || s.loading && (notes > maxLoaded || size > loadedSize)
		return false
	}
	if old != nil {
		s.account(base, old, -1)
	}
	s.files[base] = &note
	s.account(base, &note, 1)
	return true
}

// account counts a note, or with -1 counts it no more.
func (s *state) account(base string, note *Note, sign int) {
	s.size += sign * stateSize(base, note)
	if note.Reason != "" {
		s.reasons += sign
	}
}

// stateSize returns how many bytes the lines that restore a note have.
func stateSize(base string, note *Note) int {
	var room [1024]byte
	return len(appendState(room[:0], 1<<31, base, note))
}

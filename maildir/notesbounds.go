package maildir

// The notes of messages are bounded, and so are the memory that they take (some 200 bytes
// each beside their names and texts) and the file.
const (
	maxNotes   = 10000 // more deferrals begin anew in each session
	mustNotes  = 12000 // with what must be remembered: what is done, what broke a session
	maxReasons = 5000  // more of them are counted but not logged

	// Bytes of the lines that make all notes again.
	textSize = 1 << 20 // beyond it, only the code of a reply is kept
	maxSize  = 2 << 20
	mustSize = 3 << 20

	// A file has in it what was noted when it was rewritten, and so many lines since.
	maxLoaded     = mustNotes + mostLines
	loadedSize    = 4 << 20
	maxUnanswered = mostLines + 1000
)

// bounds are the most notes, and bytes of their lines.
type bounds struct{ notes, size int }

func (n *Notes) textBounds() bounds { return n.bounds(maxNotes, textSize) }
func (n *Notes) mayBounds() bounds  { return n.bounds(maxNotes, maxSize) }

// bounds are these; but of what is read all counts that was once written.
func (n *Notes) bounds(notes, size int) bounds {
	if n.loading {
		return bounds{mustNotes, mustSize}
	}
	return bounds{notes, size}
}

// mustBounds are those of what must be remembered. Notes that were dropped since the
// file was rewritten are in it still, so it may hold more.
func (n *Notes) mustBounds() bounds {
	if n.loading {
		return bounds{maxLoaded, loadedSize}
	}
	return bounds{mustNotes, mustSize}
}

// Full says that there is no room to note one more message that is done.
func (n *Notes) Full() bool {
	most := n.mustBounds()
	return len(n.files) >= most.notes || n.size+maxNoteLine > most.size
}

// put replaces a message's note, if there is room for that.
func (n *Notes) put(base string, note Note, most bounds) bool {
	old := n.files[base]
	size, notes := n.size+stateSize(base, &note), len(n.files)
	if old == nil {
		notes++
	} else {
		size -= stateSize(base, old)
	}
	if notes > len(n.files) && notes > most.notes || size > n.size && size > most.size {
		n.over = n.over || n.loading && (notes > maxLoaded || size > loadedSize)
		return false
	}
	if old != nil {
		n.account(base, old, -1)
	}
	n.files[base] = &note
	n.account(base, &note, 1)
	return true
}

// account counts a note, or with -1 counts it no more.
func (n *Notes) account(base string, note *Note, sign int) {
	n.size += sign * stateSize(base, note)
	if note.Reason != "" {
		n.reasons += sign
	}
}

// stateSize is how many bytes the lines have that make the note again.
func stateSize(base string, note *Note) int {
	var room [1024]byte
	return len(appendState(room[:0], 1<<31, base, note))
}

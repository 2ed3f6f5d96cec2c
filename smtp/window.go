package smtp

// A window bounds what is in flight: more is faster over a long line, and what
// is in flight when the line breaks may arrive twice.
type window struct {
	size, max int // transactions
	most      int // of max
	streak    int // accepted since the size last changed
	refusedAt int // how many transactions had begun at the last refusal
}

const (
	firstWindow = 4
	// quietAfterRefusal is how many transactions beyond one must be accepted
	// before the window grows again after a refusal.
	quietAfterRefusal = 3
	// DefaultWindow and MaxWindow are in transactions.
	DefaultWindow = 100
	MaxWindow     = 1000

	windowOctets  = 8 << 20 // of content without an answer
	windowReplies = 400     // owed: fetchmail is one thread and must not drown
)

func newWindow(max int) window {
	max = min(max, MaxWindow)
	return window{size: min(firstWindow, max), max: max, most: max}
}

// accepted lets the window double for each whole window that went well. number
// counts transactions in the order of their beginning: those that were under
// way at a refusal say nothing about what comes after it.
func (w *window) accepted(number int) {
	if number <= w.refusedAt {
		return
	}
	if w.streak++; w.streak >= w.size {
		w.size = min(2*w.size, w.max)
		w.streak = 0
	}
}

// refused shuts the window to one until things have gone well for a while.
// begun is how many transactions had begun.
func (w *window) refused(begun int) {
	w.size, w.streak, w.refusedAt = 1, -quietAfterRefusal, begun
}

// limit bounds the window from now on, within what it was made for.
func (w *window) limit(max int) {
	w.max = min(w.most, max)
	w.size = min(w.size, w.max)
}

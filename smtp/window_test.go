package smtp

import "testing"

// A bound that trouble set is taken back, but never beyond what the Sender was
// made for.
func TestLimitIsTakenBack(t *testing.T) {
	w := newWindow(20)
	for number, step := range []struct{ limit, want int }{{1, 1}, {8, 8}, {1000, 20}} {
		w.limit(step.limit)
		for range 100 {
			w.accepted(number + 1)
		}
		if w.size != step.want {
			t.Errorf("after limit(%d) it grows to %d, want %d", step.limit, w.size, step.want)
		}
	}
}

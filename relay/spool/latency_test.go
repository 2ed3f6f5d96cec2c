package spool

import (
	"testing"
	"time"
)

// TestLatency holds that a file system is slow after some slow calls in a row, that single
// ones on a busy machine do not make it so, and that it can become fast again.
func TestLatency(t *testing.T) {
	const slow, fast = 2 * time.Millisecond, 10 * time.Microsecond
	p := &latency{timings: StandardTimings()}
	calls := func(n int, d time.Duration) {
		for range n {
			p.took(d)
		}
	}
	for range 20 {
		calls(4, slow)
		calls(2, fast)
	}
	if p.slow() {
		t.Error("four slow calls before two fast ones make it slow")
	}
	calls(slowScore, slow)
	if !p.slow() {
		t.Error("it is not slow")
	}
	calls(1000, slow)
	calls(1, fast)
	if !p.slow() {
		t.Error("one fast call makes it fast")
	}
	calls(mostScore/fastCall, fast)
	if p.slow() {
		t.Error("it stays slow")
	}
}

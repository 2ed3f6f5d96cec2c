package spool

import (
	"strings"
	"testing"
	"time"

	"vodmr/smtp"
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

// TestHangingRemoval: the end of a session waits for a removal that hangs, and the log says so
// meanwhile.
func TestHangingRemoval(t *testing.T) {
	s := newSite(t)
	s.put(t, 0, "subject")
	sp := s.started(t, smtp.Extensions{}, stays)
	m := sp.Next().Messages[0]
	sp.removals.long, sp.removals.underWay = time.Millisecond, 1
	finished := make(chan bool)
	go func() {
		sp.Finish()
		close(finished)
	}()
	logged := func() bool { return strings.Contains(s.logged(t), `error call="unlink in `) }
	for end := time.Now().Add(10 * time.Second); !logged() && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	if !logged() {
		t.Errorf("nothing is logged: %s", s.logged(t))
	}
	select {
	case <-finished:
		t.Error("it did not wait")
	default:
	}
	sp.removals.results <- removal{message: m, err: sp.box.Unlink(m.entry)}
	<-finished
	if left := len(s.waiting(t)); left != 0 || sp.Counts.Waiting != 0 {
		t.Errorf("%d are left", left)
	}
}

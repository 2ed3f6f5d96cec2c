package relay

import (
	"io"
	"testing"
	"time"
)

// A chatterer is a Conn to a customer that is logged in and says NOOP, RSET and refused
// ATRNs for a while, but no ATRN that is accepted. It keeps the deadline of each read.
type chatterer struct {
	flood
	left      []string
	deadlines []time.Time
}

func (c *chatterer) Read(p []byte) (int, error) {
	c.deadlines = append(c.deadlines, c.flood.deadline)
	if len(c.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.left[0])
	c.left = c.left[1:]
	return n, nil
}

// TestATRNWithinFiveMinutes: a customer that is logged in has five minutes for its ATRN,
// and nothing else that it says makes them more.
func TestATRNWithinFiveMinutes(t *testing.T) {
	s := newSite(t, standardSite(t))
	c := &chatterer{left: []string{"NOOP\r\n", "ATRN ,\r\n", "EHLO x\r\n", "ATRN stranger.test\r\n", "RSET\r\n", "NOOP\r\n"}}
	config := s.relayConfig(openLog(t, s), openLog(t, s))
	config.Conn = c
	start := time.Now()
	_ = Serve(config)
	if len(c.deadlines) != 7 {
		t.Fatalf("%d reads, want 7", len(c.deadlines))
	}
	for i, deadline := range c.deadlines {
		if deadline != c.deadlines[0] || deadline.Before(start.Add(5*time.Minute)) || deadline.After(time.Now().Add(5*time.Minute)) {
			t.Errorf("read %d has until %v after the login, want five minutes", i, deadline.Sub(start))
		}
	}
}

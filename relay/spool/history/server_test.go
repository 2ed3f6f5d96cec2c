package history

import (
	"fmt"
	"testing"
	"time"
)

// TestServerNotes: what a server showed is read back, by the rewritten file too, and is
// forgotten after seven days.
func TestServerNotes(t *testing.T) {
	now := time.Unix(1_795_000_000, 0)
	box, _ := newDir(t, nil)
	open := func() *History {
		t.Helper()
		n, err := box.open(func() time.Time { return now })
		if err != nil || n.Damaged > 0 {
			t.Fatal(err, n.Damaged)
		}
		return n
	}
	n := open()
	n.SetServer("one", "drains")
	n.SetServer("two", "data")
	n.SetServer("two", "lockstep")
	n.SetServer("", "drains")
	n.SetServer("three", string(make([]byte, 1000)))
	check := func(want ...string) {
		t.Helper()
		for i, key := range []string{"one", "two", "three"} {
			if got := n.Server(key); got != want[i] {
				t.Errorf("%s: %q, want %q", key, got, want[i])
			}
		}
	}
	check("drains", "lockstep", "")
	if err := n.Flush(); err != nil {
		t.Fatal(err)
	}
	n = open()
	check("drains", "lockstep", "")
	now = now.Add(6 * 24 * time.Hour)
	n.SetServer("three", "data")
	if _, err := n.Begin("1", func(func([]byte) bool) {}); err != nil {
		t.Fatal(err)
	}
	n = open()
	check("drains", "lockstep", "data")
	now = now.Add(24 * time.Hour)
	check("", "", "data")
}

// TestServerNotesBounded: a server that calls itself otherwise each time costs no memory.
func TestServerNotesBounded(t *testing.T) {
	now := time.Unix(1_795_000_000, 0)
	box, _ := newDir(t, nil)
	n, err := box.open(func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		now = now.Add(time.Second)
		n.SetServer(fmt.Sprint("k", i), "drains")
	}
	if len(n.state.servers) != maxServers || n.Server("k999") != "drains" || n.Server("k991") != "" {
		t.Errorf("%d servers are noted: %v", len(n.state.servers), n.state.servers)
	}
}

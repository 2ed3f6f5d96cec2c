package lock

import (
	"os"
	"testing"

	"vodmr/internal/sys"
	"vodmr/test/kit/require"
)

// lockedOnADisk is a Maildir with a session, on a disk that fill fills.
func lockedOnADisk(t *testing.T) (l *Lock, dir string, fill func()) {
	t.Helper()
	dir = require.SmallDisk(t, "64k")
	require.OK(t, os.Mkdir(dir+"/new", 0o700))
	l, err := open(dir)
	require.OK(t, err)
	t.Cleanup(func() {
		l.Release()
		sys.Close(l.dir)
	})
	require.OK(t, l.Acquire())
	return l, dir, func() {
		if err := os.WriteFile(dir+"/rest", make([]byte, 1<<20), 0o600); err == nil {
			t.Fatal("the disk is not full")
		}
	}
}

// TestTakeOverOnAFullDisk: the standing session is asked all the same.
func TestTakeOverOnAFullDisk(t *testing.T) {
	l, dir, fill := lockedOnADisk(t)
	w := watch(t, l)
	require.OK(t, l.MarkStanding())
	fill()
	other := taker(t, dir, "1m")
	if _, asked := readWatch(t, w); !asked {
		t.Error("it was not asked")
	}
	l.Release()
	if c := code(other); c != 0 {
		t.Errorf("exit %d, want 0", c)
	}
}

// TestTakeOverUnaskedOnAFullDisk: if there never was room for the byte, the session is
// waited for.
func TestTakeOverUnaskedOnAFullDisk(t *testing.T) {
	l, dir, fill := lockedOnADisk(t)
	require.OK(t, l.MarkStanding())
	fill()
	if c := code(taker(t, dir, "1ms")); c != 3 {
		t.Errorf("exit %d while the other session goes on, want 3", c)
	}
	other := taker(t, dir, "1m")
	l.Release()
	if c := code(other); c != 0 {
		t.Errorf("exit %d, want 0", c)
	}
}

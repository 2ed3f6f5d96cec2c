package maildir

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/require"
)

// fullDisk mounts a small disk; fill takes what room it has left.
func fullDisk(t *testing.T) (dir string, fill func()) {
	t.Helper()
	require.Root(t, "only root mounts a disk")
	dir = t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		require.Skip(t, "no disk can be mounted: %v", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir, func() {
		if err := os.WriteFile(dir+"/rest", make([]byte, 1<<20), 0o600); err == nil {
			t.Fatal("the disk is not full")
		}
	}
}

// lockedOnADisk is a Maildir with a session, on a disk that fill fills.
func lockedOnADisk(t *testing.T) (b *Box, dir string, fill func()) {
	t.Helper()
	disk, fill := fullDisk(t)
	dir = disk + "/Maildir"
	must(t, Make(dir))
	b, err := Open("", dir)
	must(t, err)
	t.Cleanup(b.Close)
	must(t, b.Lock())
	return b, dir, fill
}

// TestTakeOverOnAFullDisk: the session that stands hears it all the same.
func TestTakeOverOnAFullDisk(t *testing.T) {
	b, dir, fill := lockedOnADisk(t)
	w, err := b.Watch()
	must(t, err)
	t.Cleanup(w.Close)
	must(t, b.Stand())
	fill()
	other := taker(t, dir, "1m")
	if _, asked := readWatch(t, w); !asked {
		t.Error("it was not asked")
	}
	b.Close()
	if c := code(other); c != 0 {
		t.Errorf("exit %d, want 0", c)
	}
}

// TestTakeOverUnaskedOnAFullDisk: where there was no room for the byte from the first,
// the session is waited for.
func TestTakeOverUnaskedOnAFullDisk(t *testing.T) {
	b, dir, fill := lockedOnADisk(t)
	must(t, b.Stand())
	fill()
	if c := code(taker(t, dir, "1ms")); c != 3 {
		t.Errorf("exit %d while the other session goes on, want 3", c)
	}
	other := taker(t, dir, "1m")
	b.Close()
	if c := code(other); c != 0 {
		t.Errorf("exit %d, want 0", c)
	}
}

// TestReserveOnAFullDisk: a message that would take the last of the disk is given up
// before that, and smaller ones are delivered.
func TestReserveOnAFullDisk(t *testing.T) {
	disk, _ := fullDisk(t)
	must(t, unix.Mount("tmpfs", disk, "tmpfs", unix.MS_REMOUNT, "size=8m"))
	dir := disk + "/Maildir"
	must(t, Make(dir))
	b, err := Open("", dir)
	must(t, err)
	t.Cleanup(b.Close)
	r, err := b.Receive("mx")
	must(t, err)
	t.Cleanup(r.Close)
	if err := r.Room(16 << 20); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("room for more than the disk: %v", err)
	}
	must(t, r.Room(1<<20))

	large, err := r.NewDelivery("s@s.example", []string{"u@example.org"}, "")
	must(t, err)
	block := make([]byte, 32<<10)
	for err == nil {
		_, err = large.Write(block)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	must(t, r.reserved())
	large.Abort()

	copied, err := r.NewDelivery("s@s.example", []string{"u@example.org", "v@example.org", "w@example.org", "x@example.org"}, "")
	must(t, err)
	_, err = copied.Write(make([]byte, 3<<20))
	must(t, err)
	if err := copied.Commit(); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("four copies: %v", err)
	}
	must(t, r.reserved())

	small, err := r.NewDelivery("s@s.example", []string{"u@example.org"}, "")
	must(t, err)
	_, err = small.Write(make([]byte, 3<<20))
	must(t, err)
	must(t, small.Commit())
}

// reserved is an error if the reserve was touched.
func (r *Receiver) reserved() error { return r.Room(0) }

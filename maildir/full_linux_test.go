package maildir

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/require"
)

// TestReserveOnAFullDisk: a message that would take the last of the disk is given up
// before that, and smaller ones are delivered.
func TestReserveOnAFullDisk(t *testing.T) {
	disk := require.SmallDisk(t, "8m")
	dir := disk + "/Maildir"
	require.OK(t, Make(dir))
	b, err := Open("", dir)
	require.OK(t, err)
	t.Cleanup(b.Close)
	r, err := b.Receive("mx")
	require.OK(t, err)
	t.Cleanup(r.Close)
	if err := r.Room(16 << 20); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("room for more than the disk: %v", err)
	}
	require.OK(t, r.Room(1<<20))

	large, err := r.NewDelivery("s@s.example", []string{"u@example.org"}, "")
	require.OK(t, err)
	block := make([]byte, 32<<10)
	for err == nil {
		_, err = large.Write(block)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	require.OK(t, r.reserved())
	large.Abort()

	copied, err := r.NewDelivery("s@s.example", []string{"u@example.org", "v@example.org", "w@example.org", "x@example.org"}, "")
	require.OK(t, err)
	_, err = copied.Write(make([]byte, 3<<20))
	require.OK(t, err)
	if err := copied.Commit(); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("four copies: %v", err)
	}
	require.OK(t, r.reserved())

	small, err := r.NewDelivery("s@s.example", []string{"u@example.org"}, "")
	require.OK(t, err)
	_, err = small.Write(make([]byte, 3<<20))
	require.OK(t, err)
	require.OK(t, small.Commit())
}

// reserved is an error if the reserve was touched.
func (r *Receiver) reserved() error { return r.Room(0) }

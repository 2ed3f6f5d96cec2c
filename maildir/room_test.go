package maildir

import (
	"math"
	"os"
	"testing"

	"vodmr/internal/sys"
	"vodmr/test/kit/require"
)

// TestReserve: how much may be written.
func TestReserve(t *testing.T) {
	const mb = 1 << 20
	for _, test := range []struct {
		disk sys.Disk
		want int64
	}{
		{sys.Disk{}, math.MaxInt64},
		{sys.Disk{Size: 1 << 40, Free: 100 * mb}, 84 * mb},
		{sys.Disk{Size: 1 << 40, Free: 10 * mb}, -6 * mb},
		{sys.Disk{Size: 100 * mb, Free: 10 * mb}, 5 * mb},
		{sys.Disk{Size: 1 << 20, Free: 0}, -(1 << 20) / 20},
		{sys.Disk{Size: math.MaxUint64, Free: math.MaxUint64}, math.MaxInt64 - 16*mb},
	} {
		if got := roomOn(test.disk); got != test.want {
			t.Errorf("%+v: got %d, want %d", test.disk, got, test.want)
		}
	}
}

// TestAbortAfterAFailedWrite: nothing of the message stays, neither its file nor its
// descriptor.
func TestAbortAfterAFailedWrite(t *testing.T) {
	dir := t.TempDir()
	require.OK(t, Make(dir))
	b, err := Open("", dir)
	require.OK(t, err)
	defer b.Close()
	r, err := b.Receive("mx")
	require.OK(t, err)
	defer r.Close()
	before := descriptors(t)
	d, err := r.NewDelivery("s@s.example", []string{"u@example.org"}, "")
	require.OK(t, err)
	broken, err := os.Open(os.DevNull)
	require.OK(t, err)
	whole := d.files[0].fd
	d.files[0].fd = int(broken.Fd())
	if _, err := d.Write(make([]byte, 2*deliveryBuffer)); err == nil {
		t.Fatal("the write did not fail")
	}
	d.files[0].fd = whole
	broken.Close()
	d.Abort()
	d.Abort()
	entries, err := os.ReadDir(dir + "/tmp")
	require.OK(t, err)
	if len(entries) != 0 {
		t.Errorf("left in tmp: %v", entries)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, before it were %d", after, before)
	}
	if d.Commit() == nil {
		t.Error("it was delivered all the same")
	}
}

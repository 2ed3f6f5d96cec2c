package history

import (
	"testing"
	"time"

	"vodmr/test/kit/require"
)

// TestBouncesAreCountedForADay: from the first on, through the end of a session and the
// rewriting of the file.
func TestBouncesAreCountedForADay(t *testing.T) {
	b, dir := newDir(t, map[string]string{"vodmr.notes": "1794900000 bounced 7\n1795000000 bounced 99999999999\n1795000000 bounced -1\n"})
	now := int64(1794900000 + bounceDay - 1)
	open := func() *History {
		t.Helper()
		n, err := b.open(func() time.Time { return time.Unix(now, 0) })
		require.OK(t, err)
		return n
	}
	for _, step := range []struct{ later, want int64 }{
		{0, 7}, {1, 1}, {bounceDay - 1, 2}, {1, 1}, {-100, 1},
	} {
		n := open()
		_, err := n.Begin("1", noBases)
		require.OK(t, err)
		now += step.later
		if step.later != 0 {
			n.Bounced()
		}
		n.End()
		require.OK(t, n.Flush())
		n.Close()
		n = open()
		if int64(n.Bounces()) != step.want {
			t.Errorf("%+v: %d\n%s", step, n.Bounces(), require.File(t, dir+"/vodmr.notes"))
		}
		n.Close()
	}
}

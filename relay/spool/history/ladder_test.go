package history

import (
	"fmt"
	"testing"
	"time"

	"vodmr/test/kit/require"
)

// rungs is a history with a clock that the test turns.
type rungs struct {
	*History
	t   *testing.T
	box folder
	now int64
}

func newRungs(t *testing.T) (*rungs, string) {
	b, dir := newDir(t, nil)
	r := &rungs{t: t, box: b, now: 1795000000}
	r.reopen()
	return r, dir
}

// reopen is a restart of the program.
func (r *rungs) reopen() {
	r.t.Helper()
	if r.History != nil {
		require.OK(r.t, r.Flush())
		r.Close()
	}
	n, err := r.box.open(func() time.Time { return time.Unix(r.now, 0) })
	require.OK(r.t, err)
	r.History = n
	r.t.Cleanup(n.Close)
}

func (r *rungs) want(rung int, when string) {
	r.t.Helper()
	if got := r.Rung(); got != rung {
		r.t.Errorf("%s: on rung %d, want %d", when, got, rung)
	}
}

// TestLadder: each session that broke costs a rung, twenty messages or a day win one
// back, and restarts of the program and rewritings of the file change nothing.
func TestLadder(t *testing.T) {
	for _, how := range []string{"appended", "rewritten"} {
		r, _ := newRungs(t)
		reread := func() {
			if how == "rewritten" {
				require.OK(t, r.rewrite())
			}
			r.reopen()
		}
		r.want(0, "new")
		for i, want := range []int{1, 2, 2} {
			r.Lower()
			reread()
			r.want(want, fmt.Sprint(how, ", broken ", i))
		}
		for range climbTaken - 1 {
			r.Taken(1)
			reread()
		}
		r.want(2, how+", 19 taken")
		r.Taken(1)
		reread()
		r.want(1, how+", 20 taken")
		r.Taken(5)
		r.now += 86399
		reread()
		r.want(1, how+", a day less a second")
		r.now++
		reread()
		r.want(0, how+", a day")
		r.Lower()
		r.Lower()
		r.now += 2 * 86400
		reread()
		r.want(0, how+", two days")
	}
}

// A clock that was wrong when the session broke does not hold the rung for years.
func TestLadderFromTheFuture(t *testing.T) {
	r, _ := newRungs(t)
	r.now += 10 * 365 * 86400
	r.Lower()
	r.now = 1795000000
	r.reopen()
	r.want(1, "at once")
	r.now += 86400
	r.reopen()
	r.want(0, "a day later")
}

// TestAloneIsGuilty: a message that broke a session on a lower rung went alone, and is demoted at
// once; on the highest, and after climbing there, it takes two breaks.
func TestAloneIsGuilty(t *testing.T) {
	for what, want := range map[string]int{
		"highest": 1, "first": DemoteAfter, "second": DemoteAfter, "climbed": 1, "lowered at the end": 1, "rewritten": DemoteAfter, "lowered, rewritten": 1,
	} {
		r, _ := newRungs(t)
		begin := func(id string) {
			_, err := r.Begin(id, bases("a", "b"))
			require.OK(t, err)
		}
		switch what {
		case "first", "climbed", "rewritten":
			r.Lower()
		case "second":
			r.Lower()
			r.Lower()
		}
		begin("1")
		if what == "climbed" {
			r.Taken(climbTaken)
		}
		r.Sent("b")
		if what == "lowered at the end" || what == "lowered, rewritten" {
			r.Lower()
		}
		if what == "rewritten" || what == "lowered, rewritten" {
			require.OK(t, r.rewrite())
		}
		r.reopen()
		begin("2")
		if got := r.Of("b").Breaks; got != want {
			t.Errorf("%s: %d breaks, want %d", what, got, want)
		}
		if r.Of("a") != (Note{}) {
			t.Errorf("%s: an innocent message is blamed: %+v", what, r.Of("a"))
		}
	}
}

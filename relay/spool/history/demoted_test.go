package history

import (
	"fmt"
	"slices"
	"testing"

	"vodmr/test/kit/require"
)

// TestDemotedTurn: if session after session breaks before the turn of a demoted
// message, the one that broke the fewest is to have it; after its turn it is not.
func TestDemotedTurn(t *testing.T) {
	b, dir := newDir(t, nil)
	write(t, dir+"/vodmr.notes", "1795000000 broke often 7\n1795000000 broke seldom 2\n1795000000 broke once 1\n"+
		"1795000000 session -\n1795000000 session 0\n1795000000 sent x\n")
	all := []string{"often", "seldom", "once", "x", "y"}
	break1 := func(i int, sent string) (turn int) {
		n, _ := session(t, b, fmt.Sprint(i), all...)
		turn = n.DemotedTurn()
		n.Sent(sent)
		require.OK(t, n.Flush())
		n.Close()
		return turn
	}
	var dues []int
	for i := range maxPassed + 2 {
		sent := []string{"x", "y", "z"}[i%3] // what is gone is no suspect
		if i%3 < 2 {
			sent = fmt.Sprint("new", i)
			all = append(all, sent)
		}
		dues = append(dues, break1(i, sent))
	}
	want := append(slices.Repeat([]int{0}, maxPassed-1), 2, 2, 2)
	if !slices.Equal(dues, want) {
		t.Errorf("due %v, want %v", dues, want)
	}
	break1(100, "seldom")
	if turn := break1(101, "x"); turn != 0 {
		t.Errorf("%d is due after its turn", turn)
	}
	n, _ := session(t, b, "102", all...)
	if n.state.passed != 1 {
		t.Errorf("%d sessions are counted since, want 1", n.state.passed)
	}
	n.End()
	require.OK(t, n.Flush())
	n.Close()
	if n, _ = session(t, b, "103", all...); n.state.passed != 0 {
		t.Errorf("%d sessions are counted though the last ended in order", n.state.passed)
	}
}

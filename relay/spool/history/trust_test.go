package history

import (
	"testing"

	"vodmr/test/kit/require"
)

// TestTrust: a customer's server is trusted once it took a message, and no more after ten
// refusals in a row, whatever restarts and rewritings come in between.
func TestTrust(t *testing.T) {
	for _, how := range []string{"appended", "rewritten"} {
		r, _ := newRungs(t)
		want := func(trusts bool, last int64, when string) {
			t.Helper()
			if how == "rewritten" {
				require.OK(t, r.rewrite())
			}
			r.reopen()
			if r.Trusts() != trusts || r.LastRefused() != last {
				t.Errorf("%s, %s: trusted: %v, last refusal %d, want %v, %d", how, when, r.Trusts(), r.LastRefused(), trusts, last)
			}
		}
		want(false, 0, "new")
		r.Refused()
		want(false, r.now, "refused")
		r.End()
		want(false, r.now, "refused, ended in order")
		r.Taken(1)
		want(true, 0, "taken")
		for range maxRefused - 1 {
			r.now++
			r.Refused()
		}
		want(true, r.now, "nine refused")
		r.Refused()
		want(false, r.now, "ten refused")
		if !r.EverTaken() {
			t.Errorf("%s: that it took one is forgotten", how)
		}
		r.Taken(3)
		want(true, 0, "taken again")
	}
}

// TestTrustBeforeTheMark: notes of a version that did not write whether anything was
// taken. An end in order says that the customer's server did its work.
func TestTrustBeforeTheMark(t *testing.T) {
	for file, want := range map[string]bool{
		"1795000000 session -\n":                       true,
		"1795000000 session -\n1795000000 session 7\n": true,
		"1795000000 session 7\n1795000000 sent a\n":    false,
		"1795000000 session -\n1795000000 taken 0\n":   false,
		"1795000000 taken 1\n":                         true,
	} {
		b, _ := newDir(t, map[string]string{"vodmr.notes": file})
		for _, how := range []string{"read", "rewritten"} {
			n := openNotes(t, b)
			if n.Trusts() != want {
				t.Errorf("%s, %q: %v", how, file, n.Trusts())
			}
			require.OK(t, n.rewrite())
			n.Close()
		}
	}
}

// TestDoubtedKeepsItsBeginning: a refusal for good that is not believed is dated from the
// first of them, not from a deferral before.
func TestDoubtedKeepsItsBeginning(t *testing.T) {
	r, _ := newRungs(t)
	for i, step := range []struct {
		reply string
		since int64
	}{
		{"450 later", 0}, {"550 no", 1795001000}, {"551 no", 1795001000}, {"450 later", 0}, {"554 no", 1795004000},
	} {
		if step.reply[0] == '5' {
			r.Doubted("a", step.reply)
		} else {
			r.Kept("a", step.reply)
		}
		r.reopen()
		if got := r.RefusedSince("a"); got != step.since || r.Of("a").Tries != i+1 {
			t.Errorf("%s: refused since %d, want %d; %+v", step.reply, got, step.since, r.Of("a"))
		}
		r.now += 1000
	}
}

package history

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vodmr/test/kit/require"
)

// The copies of one message go in one transaction, and any of them may be what broke it.
func TestCopiesOfOneMessageAreSuspectedTogether(t *testing.T) {
	b, dir := newDir(t, nil)
	n, _ := session(t, b, "1", "a", "b", "c", "d", "e", "f")
	n.Sent("a")
	n.Sent("f", "b", "gone", "c", "d")
	n.Sent("e")
	n.Kept("a", "450 later")
	n.Kept("c", "450 this recipient later")
	require.OK(t, n.Flush())
	want := "1795000000 session 1\n" +
		"1795000000 sent a\n" +
		"1795000000 sent f\n" +
		"1795000000 also b\n" +
		"1795000000 also gone\n" +
		"1795000000 also c\n" +
		"1795000000 also d\n" +
		"1795000000 sent e\n" +
		"1795000000 kept a 1 1795000000 450 later\n" +
		"1795000000 kept c 1 1795000000 450 this recipient later\n"
	if diff := cmp.Diff(want, require.File(t, dir+"/vodmr.notes")); diff != "" {
		t.Error(diff)
	}
	n.Close() // and here it broke

	n, suspects := session(t, b, "2", "f", "e", "d", "c", "b", "a")
	expect(t, suspects, "b", "d", "f")
	for base, breaks := range map[string]int{"a": 0, "b": 1, "c": 0, "d": 1, "e": 0, "f": 1, "gone": 0} {
		if got := n.Of(base).Breaks; got != breaks {
			t.Errorf("%s: %d breaks, want %d", base, got, breaks)
		}
	}
	n.Close()
	n, suspects = session(t, b, "3", "f", "e", "d", "c", "b", "a")
	expect(t, suspects) // the second had sent nothing
	if n.Of("b").Breaks != 1 || n.Of("d").Breaks != 1 || n.Of("f").Breaks != 1 {
		t.Error("the breaks were not written")
	}
}

// If the file cannot be replaced, what Begin finds is appended.
func TestSuspectsOfAFileThatCannotBeRewritten(t *testing.T) {
	b, dir := newDir(t, nil)
	n, _ := session(t, b, "1")
	n.Sent("a", "b")
	require.OK(t, n.Flush())
	n.Close()
	require.OK(t, os.MkdirAll(dir+"/vodmr.notes.tmp/full", 0o700))
	n, suspects := session(t, b, "2", "a", "b")
	expect(t, suspects, "a", "b")
	n.Close()
	n = openNotes(t, b)
	if diff := cmp.Diff(model{"a": {Breaks: 1, Broke: 1795000000}, "b": {Breaks: 1, Broke: 1795000000}}, snapshot(n)); diff != "" || len(n.state.inFlight()) != 0 {
		t.Errorf("%q in flight; %s", n.state.inFlight(), diff)
	}
}

func TestATransactionThatIsGoneIsNotSuspected(t *testing.T) {
	b, _ := newDir(t, nil)
	n, _ := session(t, b, "1")
	n.Sent("a", "b")
	n.Sent("c", "d")
	n.Sent("e")
	require.OK(t, n.Flush())
	n.Close()
	_, suspects := session(t, b, "2", "d", "e")
	expect(t, suspects, "d")
}

// The suspects of a session follow from the lines of the one before, which broke.
func TestSuspectsOfAFile(t *testing.T) {
	for lines, want := range map[string]string{
		"sent a/also b/also c/sent d":                        "a b c",
		"sent a/also b/done a":                               "b",
		"sent a/also b/kept a 1 0 x":                         "b",
		"sent a/also b/broke a 1":                            "b",
		"sent a/also b/again a":                              "b",
		"sent a/also b/sent a":                               "b",
		"sent a/again a/sent b/also c":                       "b c",
		"sent a/again a/sent b/sent a":                       "b",
		"sent a/also b/sent a/also b":                        "a b", // written twice
		"sent a/also b/session 2/also c":                     "c",
		"sent a/kept x 1 0 x/also b":                         "a", // none of ours; not one transaction, to be sure
		"sent a/laughs x/also b":                             "a",
		"sent a/%/also b":                                    "a",
		"sent a/" + strings.Repeat("x", 100<<10) + "/also b": "a",
		"also a/also b/sent c":                               "a b",
		"sent a/again a":                                     "",
		"sent a/also b/session -/again a":                    "",
	} {
		b, dir := newDir(t, nil)
		text := "1795000000 session 1\n"
		for line := range strings.SplitSeq(lines, "/") {
			text += "1795000000 " + line + "\n"
		}
		write(t, dir+"/vodmr.notes", text)
		n, err := b.open(testClock())
		require.OK(t, err)
		suspects, err := n.Begin("3", bases("a", "b", "c", "d"))
		require.OK(t, err)
		if got := strings.Join(suspects, " "); got != want {
			t.Errorf("%.80s: suspects %q, want %q", lines, got, want)
		}
		n.Close()
	}
}

// A rewriting in the midst of a session keeps what went together.
func TestTransactionsSurviveARewriting(t *testing.T) {
	b, dir := newDir(t, nil)
	n, _ := session(t, b, "1")
	n.Sent("x")
	n.Sent("b", "a", "c")
	n.Sent("d", "e")
	n.Retry("b")
	n.Forget("x")
	require.OK(t, n.rewrite())
	want := "1795000000 session 1\n" +
		"1795000000 sent a\n" +
		"1795000000 also c\n" +
		"1795000000 sent d\n" +
		"1795000000 also e\n"
	if diff := cmp.Diff(want, require.File(t, dir+"/vodmr.notes")); diff != "" {
		t.Error(diff)
	}
	n.Sent("f")
	require.OK(t, n.Flush())
	n.Close()
	if diff := cmp.Diff([][]string{{"a", "c"}, {"d", "e"}, {"f"}}, openNotes(t, b).state.inFlight()); diff != "" {
		t.Error(diff)
	}
}

func TestAgainChangesNothingElse(t *testing.T) {
	b, dir := newDir(t, nil)
	write(t, dir+"/vodmr.notes", "1795000000 kept a 3 1790000000 450 x\n"+
		"1795000000 broke a 2\n1795000000 stays a odd\n1795000000 session 1\n1795000000 sent a\n")
	n := openNotes(t, b)
	before := n.Of("a")
	if before.Tries != 3 || before.Breaks != 2 || before.Reason != "odd" {
		t.Fatalf("%+v", before)
	}
	n.Retry("a")
	n.Retry("unheard of")
	require.OK(t, n.Flush())
	n.Close()
	n = openNotes(t, b)
	if diff := cmp.Diff(model{"a": before}, snapshot(n)); diff != "" {
		t.Error(diff)
	}
	suspects, err := n.Begin("2", bases("a"))
	require.OK(t, err)
	expect(t, suspects)
}

// An answer counts even if it is noted already, or there is no room for the note.
func TestAnswersWithoutANote(t *testing.T) {
	b, _ := newDir(t, nil)
	n := openNotes(t, b)
	n.Stays("known", "odd")
	for i := range maxNotes {
		n.state.put(fmt.Sprint(i), Note{Breaks: 1}, n.state.bounds(maxSize))
	}
	n.Sent("known", "staying", "kept", "tried", "unanswered")
	n.Stays("known", "odd")
	n.Stays("staying", "odd")
	n.Kept("kept", "450")
	n.Tried("tried", "unreadable")
	require.OK(t, n.Flush())
	n.Close()
	n = openNotes(t, b)
	if diff := cmp.Diff([][]string{{"unanswered"}}, n.state.inFlight()); diff != "" {
		t.Error(diff)
	}
}

// If the peer did not defer a message, the clock of a deferral neither starts nor goes
// back.
func TestTriedLeavesTheClockAlone(t *testing.T) {
	b, _ := newDir(t, nil)
	now := int64(1795000000)
	for _, step := range []struct {
		what string
		note func(n *History)
		want Note
	}{
		{"tried", func(n *History) { n.Sent("a"); n.Tried("a", "unreadable") },
			Note{Tries: 1, Last: 1795000000, Reply: "unreadable"}},
		{"tried again", func(n *History) { n.state.setBroke("a", 3, 1795000500); n.Tried("a", "no bounce") },
			Note{Tries: 2, Last: 1795001000, Reply: "no bounce"}},
		{"deferred", func(n *History) { n.Kept("a", "450") },
			Note{Tries: 3, First: 1795002000, Last: 1795002000, Reply: "450"}},
		{"tried after that", func(n *History) { n.Tried("a", "unreadable") },
			Note{Tries: 4, First: 1795002000, Last: 1795003000, Reply: "unreadable"}},
	} {
		clock := func() time.Time { return time.Unix(now, 0) }
		n, err := b.open(clock)
		require.OK(t, err)
		step.note(n)
		if len(n.state.inFlight()) != 0 {
			t.Errorf("%s: still unanswered", step.what)
		}
		require.OK(t, n.Flush())
		n.Close()
		for _, how := range []string{"appended", "rewritten"} {
			n, err := b.open(clock)
			require.OK(t, err)
			if diff := cmp.Diff(step.want, n.Of("a")); diff != "" {
				t.Errorf("%s, %s: %s", step.what, how, diff)
			}
			require.OK(t, n.rewrite())
			n.Close()
		}
		now += 1000
	}
}

// flight is what the test itself remembers of the transactions in flight.
type flight [][]string

func (f flight) without(bases ...string) flight {
	var left flight
	for _, transaction := range f {
		transaction = slices.DeleteFunc(transaction, func(base string) bool { return slices.Contains(bases, base) })
		if len(transaction) > 0 {
			left = append(left, transaction)
		}
	}
	return left
}

// However answers, rewritings and restarts of the program mix, what went together and
// was not answered is suspected together.
func TestTransactionsAreKeptApart(t *testing.T) {
	b, dir := newDir(t, nil)
	all := []string{"a", "b c", "%", "d", "e"}
	rapid.Check(t, func(t *rapid.T) {
		os.Remove(dir + "/vodmr.notes")
		n, err := b.open(testClock())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { n.Close() }()
		var want flight
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			base := rapid.SampledFrom(all).Draw(t, "base")
			switch rapid.IntRange(0, 8).Draw(t, "what") {
			case 0, 1, 2:
				some := rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, 4, rapid.ID[string]).Draw(t, "sent")
				n.Sent(some...)
				want = append(want.without(some...), slices.Sorted(slices.Values(some)))
			case 3:
				n.Kept(base, "450")
				want = want.without(base)
			case 4:
				n.Tried(base, "unreadable")
				want = want.without(base)
			case 5:
				n.Retry(base)
				want = want.without(base)
			case 6:
				n.Stays(base, "odd")
				want = want.without(base)
			case 7:
				if err := n.rewrite(); err != nil {
					t.Fatal(err)
				}
			case 8:
				if err := n.Flush(); err != nil {
					t.Fatal(err)
				}
				n.Close()
				if n, err = b.open(testClock()); err != nil || n.Damaged != 0 {
					t.Fatal(err, n.Damaged)
				}
			}
			if diff := cmp.Diff([][]string(want), n.state.inFlight()); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

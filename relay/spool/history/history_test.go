package history

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vodmr/test/kit/require"
)

func testClock() func() time.Time {
	now := time.Unix(1795000000, 0)
	return func() time.Time { return now }
}

func noBases(func([]byte) bool) {}

// bases is a Maildir that holds these.
func bases(names ...string) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for _, name := range names {
			if !yield([]byte(name)) {
				return
			}
		}
	}
}

func openNotes(t testing.TB, b folder) *History {
	t.Helper()
	n, err := b.open(testClock())
	if err != nil || n.Damaged != 0 {
		t.Fatalf("%v, %d lines damaged", err, n.Damaged)
	}
	t.Cleanup(n.Close)
	return n
}

// session begins one in which these are there.
func session(t testing.TB, b folder, id string, there ...string) (*History, []string) {
	t.Helper()
	n := openNotes(t, b)
	suspects, err := n.Begin(id, bases(there...))
	require.OK(t, err)
	return n, suspects
}

// expect compares the suspects.
func expect(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("suspects %q, want %q", got, want)
	}
}

func TestNotesAreKept(t *testing.T) {
	b, dir := newDir(t, nil)
	all := []string{"a", "b", "c d%\xe9", "e"}
	n, _ := session(t, b, "1", all...)
	n.Sent("a")
	n.Kept("a", "451 4.0.0 late\r\n\xe9 100%")
	if !n.Stays("b", "no envelope") || n.Stays("b", "no envelope") || !n.Stays("b", "other") {
		t.Error("Stays does not tell what is new")
	}
	n.Done("c d%\xe9")
	n.Sent("e")
	n.Forget("e")
	require.OK(t, n.Flush())
	n.Kept("a", "452 full")
	require.OK(t, n.Flush())
	n.Close()

	want := map[string]Note{
		"a":         {Tries: 2, First: 1795000000, Last: 1795000000, Reply: "452 full"},
		"b":         {Reason: "other"},
		"c d%\xe9":  {Done: true, Last: 1795000000},
		"e":         {},
		"c d%\xe9x": {},
	}
	for _, how := range []string{"appended", "rewritten"} {
		n := openNotes(t, b)
		for base, note := range want {
			if diff := cmp.Diff(note, n.Of(base)); diff != "" {
				t.Errorf("%s, %q: %s", how, base, diff)
			}
		}
		session(t, b, "2", all[:3]...)
	}
	file := require.File(t, dir+"/vodmr.notes")
	wantFile := "1795000000 kept a 2 1795000000 452 full\n" +
		"1795000000 stays b other\n" +
		"1795000000 done c%20d%25%E9\n" +
		"1795000000 session 2\n"
	if diff := cmp.Diff(wantFile, file); diff != "" {
		t.Error(diff)
	}
}

// When a session breaks, the first unanswered message is the suspect.
func TestTheSuspect(t *testing.T) {
	b, _ := newDir(t, nil)
	n, suspects := session(t, b, "1", "a", "b", "c", "d")
	expect(t, suspects)
	for _, base := range []string{"z", "a", "b", "c"} { // z is delivered, a answered
		n.Sent(base)
	}
	n.Kept("a", "450 x")
	require.OK(t, n.Flush())
	n.Close() // and here it broke

	n, suspects = session(t, b, "2", "d", "c", "b", "a")
	expect(t, suspects, "b")
	if n.Of("b").Breaks != 1 || n.Of("c").Breaks != 0 {
		t.Errorf("b %+v, c %+v", n.Of("b"), n.Of("c"))
	}
	n.Sent("b")
	require.OK(t, n.Flush())
	n.Close()

	n, suspects = session(t, b, "3", "d", "c", "b", "a")
	expect(t, suspects, "b")
	if n.Of("b").Breaks != 2 {
		t.Errorf("%+v", n.Of("b"))
	}
	n.Sent("b")
	n.Kept("b", "450 at last an answer")
	n.Sent("c")
	n.End()
	require.OK(t, n.Flush())
	n.Close()

	n, suspects = session(t, b, "4", "d", "c", "b", "a")
	expect(t, suspects) // after an orderly end
	if n.Of("b").Breaks != 0 || n.Of("b").Tries != 1 {
		t.Errorf("after an answer: %+v", n.Of("b"))
	}
}

func TestADeferralKeepsItsBeginning(t *testing.T) {
	b, _ := newDir(t, nil)
	now := int64(1795000000)
	clock := func() time.Time { return time.Unix(now, 0) }
	for range 3 {
		n, err := b.open(clock)
		require.OK(t, err)
		_, err = n.Begin("x", bases("a"))
		require.OK(t, err)
		n.Kept("a", "450")
		require.OK(t, n.Flush())
		n.Close()
		now += 1000
	}
	want := Note{Tries: 3, First: 1795000000, Last: 1795002000, Reply: "450"}
	if diff := cmp.Diff(want, openNotes(t, b).Of("a")); diff != "" {
		t.Error(diff)
	}
}

func TestBeginDropsWhatIsGone(t *testing.T) {
	b, dir := newDir(t, nil)
	n, _ := session(t, b, "1", "a", "b", "c")
	n.Kept("a", "450")
	n.Stays("b", "odd")
	n.Done("c")
	require.OK(t, n.Flush())
	n.Close()
	n, _ = session(t, b, "2")
	if n.Of("a") != (Note{}) || n.Of("b") != (Note{}) {
		t.Error("notes of files that are gone were kept")
	}
	if !n.Of("c").Done {
		t.Error("a mail reader hid a file that was taken: it would be sent again")
	}
	if n.state.reasons != 0 {
		t.Errorf("%d reasons counted", n.state.reasons)
	}
	want := "1795000000 done c\n1795000000 session 2\n"
	if diff := cmp.Diff(want, require.File(t, dir+"/vodmr.notes")); diff != "" {
		t.Error(diff)
	}
}

// When a message broke a session stays as it was, however often the file is rewritten.
func TestBrokeKeepsItsTime(t *testing.T) {
	b, dir := newDir(t, nil)
	write(t, dir+"/vodmr.notes", "1794000000 broke a 2\n1794000500 session -\n")
	for _, name := range []string{"1", "2"} {
		n, _ := session(t, b, name, "a")
		if n.Of("a") != (Note{Breaks: 2, Broke: 1794000000}) {
			t.Errorf("session %s: %+v", name, n.Of("a"))
		}
		n.End()
		require.OK(t, n.Flush())
		n.Close()
	}
}

func TestATornLineIsVoid(t *testing.T) {
	b, dir := newDir(t, nil)
	// A kept line without the end of FIRST would look like a very old deferral.
	write(t, dir+"/vodmr.notes", "1795000000 session 1\n1795000000 broke a 3\n1795000000 kept a 1 17")
	n := openNotes(t, b)
	n.Sent("b")
	require.OK(t, n.Flush())
	n.Close()
	n, err := b.open(testClock())
	require.OK(t, err)
	defer n.Close()
	if n.Damaged != 1 || n.Of("a") != (Note{Breaks: 3, Broke: 1795000000}) {
		t.Errorf("%d damaged, %+v", n.Damaged, n.Of("a"))
	}
	suspects, err := n.Begin("2", bases("a", "b"))
	require.OK(t, err)
	expect(t, suspects, "b") // the line after the torn one counts
}

// Cut at any byte of its last line, the file is used and mended: what stood before counts,
// also what was in flight, and nothing is damaged afterwards.
func TestTornAtEachByte(t *testing.T) {
	whole := "1795000000 session -\n1795000000 session 1\n1795000000 kept a 2 1795000000 450 x\n1795000000 sent b\n"
	last := "1795000000 kept c%20d 17 1795000001 451 100%25 late\n"
	for cut := range len(last) {
		b, dir := newDir(t, map[string]string{"vodmr.notes": whole + last[:cut]})
		n := openNotes(t, b)
		want := model{"a": {Tries: 2, First: 1795000000, Last: 1795000000, Reply: "450 x"}}
		if diff := cmp.Diff(want, snapshot(n)); diff != "" {
			t.Errorf("cut at %d: %s", cut, diff)
		}
		require.OK(t, n.Mend())
		if n.Stays("a", "odd"); n.Flush() != nil {
			t.Errorf("cut at %d: cannot be written", cut)
		}
		n.Close()
		n = openNotes(t, b)
		if n.Of("a").Reason != "odd" || n.Ended() != 1795000000 {
			t.Errorf("cut at %d: %+v, ended %d", cut, n.Of("a"), n.Ended())
		}
		suspects, err := n.Begin("2", bases("a", "b", "c d"))
		require.OK(t, err)
		expect(t, suspects, "b")
		if strings.Contains(require.File(t, dir+"/vodmr.notes"), "%") {
			t.Errorf("cut at %d: still torn", cut)
		}
	}
}

// To mend is to begin no session: the last one did not end now.
func TestMendingIsNoSession(t *testing.T) {
	b, dir := newDir(t, map[string]string{"vodmr.notes": "1790000000 kept a 1 0 x\n1790000001 session -\n17"})
	n := openNotes(t, b)
	require.OK(t, n.Mend())
	n.Close()
	if got := openNotes(t, b).Ended(); got != 1790000001 {
		t.Errorf("ended %d", got)
	}
	want := "1790000000 kept a 1 0 x\n1790000001 session -\n1795000000 taken 1\n"
	if diff := cmp.Diff(want, require.File(t, dir+"/vodmr.notes")); diff != "" {
		t.Error(diff)
	}
}

// A crash can leave bytes at the end of a file that vodmr never wrote.
func TestAnEndThatIsNoLineIsDamage(t *testing.T) {
	for end, damaged := range map[string]int{"": 0, "17": 0, "%": 0, "\x00\x00": 1, "x": 1, strings.Repeat("1", 10<<10): 1} {
		b, _ := newDir(t, map[string]string{"vodmr.notes": "1795000000 kept a 1 0 x\n" + end})
		n, err := b.open(testClock())
		if err != nil || n.Damaged != damaged || n.Of("a").Tries != 1 {
			t.Errorf("%.10q: %v, %d damaged, want %d", end, err, n.Damaged, damaged)
		}
		n.Close()
		b, _ = newDir(t, map[string]string{"vodmr.notes": end})
		n, err = b.open(testClock())
		if (err != nil) != (damaged > 0) {
			t.Errorf("%.10q alone: %v", end, err)
		}
		n.Close()
	}
}

func TestDamagedLinesAreCounted(t *testing.T) {
	b, dir := newDir(t, nil)
	write(t, dir+"/vodmr.notes", strings.Join([]string{
		"1795000000 kept a 1 1795000000 450 x",
		"1795000000 kept a x 1795000000 450 x",
		"1795000000 kept a 1 y 450 x",
		"x kept a 9 1795000000 450 x",
		"1795000000 broke a",
		"1795000000 broke a 9223372036854775807",
		"1795000000 laughs a",
		"1795000000 sent",
		"1795000000 sent %4",
		"1795000000 sent a%",
		"1795000000 done a\x00",
		"",
		"1795000000 stays b " + strings.Repeat("x", 100<<10),
		"1795000000 kept c 2 1795000000 ",
		"",
	}, "\n"))
	n, err := b.open(testClock())
	require.OK(t, err)
	got := []any{n.Damaged, n.Of("a"), n.Of("b"), n.Of("c")}
	kept := Note{First: 1795000000, Last: 1795000000}
	first, second := kept, kept
	first.Tries, first.Reply, second.Tries = 1, "450 x", 2
	if diff := cmp.Diff([]any{12, first, Note{}, second}, got); diff != "" {
		t.Error(diff)
	}
}

func TestNoNotesFileIsQuarantined(t *testing.T) {
	makers := map[string]func(path string) error{
		"rubbish":   func(path string) error { return os.WriteFile(path, []byte("some\nrubbish\n"), 0o600) },
		"fifo":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"link":      func(path string) error { return os.Symlink("victim", path) },
	}
	for what, maker := range makers {
		b, dir := newDir(t, map[string]string{"victim": "mine", "vodmr.notes.bad": "an older one"})
		require.OK(t, maker(dir+"/vodmr.notes"))
		n, err := b.open(testClock())
		if err == nil {
			t.Errorf("%s: no warning", what)
		}
		if _, err := n.Begin("1", noBases); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		n.Kept("a", "450")
		if err := n.Flush(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		n.Close()
		if got := openNotes(t, b).Of("a").Tries; got != 1 {
			t.Errorf("%s: the new file was not used", what)
		}
		if _, err := os.Lstat(dir + "/vodmr.notes.bad"); err != nil || require.File(t, dir+"/victim") != "mine" {
			t.Errorf("%s: %v, or a link was followed", what, err)
		}
	}
}

func TestReadingNotesWritesNothing(t *testing.T) {
	b, dir := newDir(t, map[string]string{"vodmr.notes": "unusable\n"})
	before := names(t, dir)
	n, err := b.open(testClock())
	if !errors.Is(err, errUnusable) {
		t.Errorf("%v", err)
	}
	n.Close()
	if diff := cmp.Diff(before, names(t, dir)); diff != "" || require.File(t, dir+"/vodmr.notes") != "unusable\n" {
		t.Errorf("OpenNotes changed something: %s", diff)
	}
}

// unwritable makes notes that can neither be appended nor replaced.
func unwritable(t *testing.T) (*History, string) {
	b, dir := newDir(t, nil)
	for _, name := range []string{"vodmr.notes", "vodmr.notes.bad", "vodmr.notes.tmp"} {
		require.OK(t, os.MkdirAll(dir+"/"+name+"/full", 0o700))
	}
	n, err := b.open(testClock())
	if err == nil {
		t.Fatal("no warning")
	}
	t.Cleanup(n.Close)
	return n, dir
}

func repair(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"vodmr.notes", "vodmr.notes.bad", "vodmr.notes.tmp"} {
		require.OK(t, os.RemoveAll(dir+"/"+name))
	}
}

func TestFlushFailsUntilAllIsWritten(t *testing.T) {
	for _, messages := range []int{3, 5000} { // within and beyond maxPending
		n, dir := unwritable(t)
		if _, err := n.Begin("1", noBases); err == nil {
			t.Error("Begin: no error")
		}
		for i := range messages {
			n.Kept(fmt.Sprint("file", i), "450 later")
			if i%1000 == 0 && n.Flush() == nil {
				t.Error("Flush: no error")
			}
			if len(n.out.pending) > maxPending+1000 {
				t.Fatalf("%d bytes pending", len(n.out.pending))
			}
		}
		if n.Flush() == nil || n.Of("file2").Tries != 1 {
			t.Error("Flush works, or the state was lost")
		}
		repair(t, dir)
		n.Kept("last", "450")
		require.OK(t, n.Flush())
		n.Close()
		reread := openNotes(t, folder{n.out.dir, n.out.path})
		for i := range messages {
			if reread.Of(fmt.Sprint("file", i)).Tries != 1 {
				t.Fatalf("%d messages: file%d was lost", messages, i)
			}
		}
		if reread.Of("last").Tries != 1 {
			t.Error("the last was lost")
		}
	}
}

func TestTheFileDoesNotGrowForEver(t *testing.T) {
	b, dir := newDir(t, nil)
	n, _ := session(t, b, "1")
	name := strings.Repeat("x", 100)
	for i := range 30000 {
		base := fmt.Sprint(name, i)
		n.Sent(base)
		if i != 17 {
			n.Forget(base)
		}
		require.OK(t, n.Flush())
	}
	st, err := os.Stat(dir + "/vodmr.notes")
	require.OK(t, err)
	if st.Size() > maxAppended+4096 {
		t.Errorf("%d bytes", st.Size())
	}
	n.Close()
	_, suspects := session(t, b, "2", name+"29999", name+"17")
	expect(t, suspects, name+"17") // what is in flight survives a rewriting
}

func TestNotesAreBounded(t *testing.T) {
	b, _ := newDir(t, nil)
	n := openNotes(t, b)
	for i := range maxReasons + 10 {
		n.Stays(fmt.Sprint(i), "odd")
	}
	last := fmt.Sprint(maxReasons + 9)
	if len(n.state.files) != maxReasons || n.Stays("0", "odd") || !n.Stays("0", "odder") {
		t.Errorf("%d notes, or those that fit are not compared", len(n.state.files))
	}
	if n.Stays(last, "odd") {
		t.Error("what cannot be noted would be logged in each session")
	}
	n.Done(last)
	if !n.Of(last).Done {
		t.Error("done must always be remembered")
	}
	n.Forget("0")
	if !n.Stays("new", "odd") || n.Stays("new", "odd") {
		t.Error("room was not used again")
	}
	n.Kept("x", strings.Repeat("y", 1<<20))
	if size := len(n.Of("x").Reply); size > maxText {
		t.Errorf("a reply of %d bytes", size)
	}
}

// model is what the complete lines so far say.
type model map[string]Note

// The content of complete lines is never lost, even if the file is torn anywhere.
func TestTearing(t *testing.T) {
	b, dir := newDir(t, nil)
	path := dir + "/vodmr.notes"
	rapid.Check(t, func(t *rapid.T) {
		os.Remove(path)
		n, _ := b.open(testClock())
		n.Begin("1", noBases)
		states, ends := []model{{}}, []int64{fileSize(path)}
		flights := [][][]string{nil}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			step(t, n)
			if err := n.Flush(); err != nil {
				t.Fatal(err)
			}
			states, ends = append(states, snapshot(n)), append(ends, fileSize(path))
			flights = append(flights, n.state.inFlight())
		}
		n.Close()
		tear := rapid.Int64Range(ends[0], ends[len(ends)-1]).Draw(t, "tear")
		os.Truncate(path, tear)
		whole := 0
		for whole+1 < len(ends) && ends[whole+1] <= tear {
			whole++
		}
		for _, when := range []string{"torn", "appended to", "rewritten"} {
			n, err := b.open(testClock())
			if diff := cmp.Diff(states[whole], snapshot(n)); diff != "" || err != nil {
				t.Fatalf("%s at %d: %v\n%s", when, tear, err, diff)
			}
			if diff := cmp.Diff(flights[whole], n.state.inFlight()); diff != "" && when == "torn" && tear == ends[whole] {
				t.Fatalf("%s at %d: %s", when, tear, diff)
			}
			n.Sent("other", "more")
			n.Flush()
			if when == "appended to" {
				n.End() // nobody is the suspect
				n.Begin("2", bases("a", "b c", "%"))
			}
			n.Close()
		}
	})
}

func step(t *rapid.T, n *History) {
	base := rapid.SampledFrom([]string{"a", "b c", "%"}).Draw(t, "base")
	text := rapid.StringN(0, 20, -1).Draw(t, "text")
	switch rapid.IntRange(0, 6).Draw(t, "verb") {
	case 0:
		n.Sent(base, "copy")
	case 1:
		n.Kept(base, text)
	case 2:
		n.Stays(base, "x"+text)
	case 3:
		n.Done(base)
	case 4:
		n.state.setBroke(base, 12, n.state.clock().Unix())
		n.addLine("broke", base, int64(12))
	case 5:
		n.Tried(base, text)
	case 6:
		n.Retry(base)
	}
}

func snapshot(n *History) model {
	m := model{}
	for base, note := range n.state.files {
		m[base] = *note
	}
	return m
}

func fileSize(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return st.Size()
}

func FuzzNotes(f *testing.F) {
	f.Add([]byte("1795000000 session 1\n1795000000 sent a\n1795000000 kept b 1 1795000000 450 x\n"))
	f.Add([]byte("1795000000 stays a%20b no envelope\n1795000000 done c\n1795000000 broke d 2\n17950"))
	f.Add([]byte("1795000000 sent a\n1795000000 also b\n1795000000 also c\n1795000000 again b\n1795000000 sent d\n"))
	f.Add([]byte("1795000000 also a\n%\n1795000000 also b\n1795000000 kept b 1 0 unreadable\n1795000000 sent a\n"))
	f.Add([]byte("1795000000 taken 0\n1794999000 refused 3\n1794999000 rung 2 7\n1795000000 session 1\n1795000000 sent a\n"))
	f.Add([]byte("%\n\x00\x00\x00 done a\n"))
	b, dir := newDir(f, nil)
	f.Fuzz(func(t *testing.T, file []byte) {
		write(t, dir+"/vodmr.notes", string(file))
		n, _ := b.open(testClock())
		flight := n.state.inFlight()
		require.OK(t, n.rewrite())
		n.Close()
		n = openNotes(t, b)
		if diff := cmp.Diff(flight, n.state.inFlight()); diff != "" {
			t.Fatal(diff)
		}
		before := snapshot(n)
		there := slices.Concat(flight...)
		for base := range before {
			there = append(there, base)
		}
		breaks := map[string]int{}
		for _, base := range there {
			breaks[base] = n.state.breaks(base)
		}
		suspects, err := n.Begin("2", bases(there...))
		require.OK(t, err)
		if want := slices.Concat(flight[:min(len(flight), 1)]...); !slices.Equal(suspects, want) {
			t.Fatalf("suspects %q of %q", suspects, flight)
		}
		n.Close()
		second := openNotes(t, b)
		for _, suspect := range suspects {
			note := before[suspect]
			note.Breaks, note.Broke = breaks[suspect], testClock()().Unix()
			before[suspect] = note
		}
		for base, note := range before {
			got := second.Of(base)
			if note.Tries == 0 || note.Done {
				note.First, note.Last, note.Reply = 0, 0, ""
				got.First, got.Last, got.Reply = 0, 0, ""
			}
			if got != note {
				t.Fatalf("%q was %+v, is %+v", base, note, got)
			}
		}
	})
}

// TestKeep forgets what is gone, and keeps what must not be sent again.
func TestKeep(t *testing.T) {
	b, _ := newDir(t, nil)
	n, _ := session(t, b, "1", "1.a", "2.b", "3.c")
	n.Kept("1.a", "451 later")
	n.Stays("2.b", "no envelope")
	n.Done("3.c")
	n.Keep(func(base string) bool { return base == "1.a" })
	if n.Of("1.a").Tries != 1 || n.Of("2.b").Reason != "" || !n.Of("3.c").Done {
		t.Errorf("notes: %+v, %+v, %+v", n.Of("1.a"), n.Of("2.b"), n.Of("3.c"))
	}
}

// TestNoDescriptorLeaks: of files that are read, appended to, rewritten and refused.
func TestNoDescriptorLeaks(t *testing.T) {
	d, dir := newDir(t, nil)
	use := func() {
		n, err := d.open(testClock())
		require.OK(t, err)
		n.Sent("1.a")
		require.OK(t, n.Flush())
		_, err = n.Begin("2", noBases)
		require.OK(t, err)
		n.Close()
		write(t, dir+"/vodmr.notes", "rubbish\n")
		n, err = d.open(testClock())
		if err == nil {
			t.Error("rubbish was read")
		}
		require.OK(t, n.Mend())
		n.Close()
	}
	use()
	before := descriptors(t)
	use()
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before and %d after", before, after)
	}
}

// TestDeferredInTheFuture: a deferral that was noted by a clock that was wrong does not count
// until then. The next one does.
func TestDeferredInTheFuture(t *testing.T) {
	now := time.Unix(1795000000, 0)
	b, _ := newDir(t, map[string]string{"vodmr.notes": "2110000000 kept a 2 2110000000 550 no\n2110000000 session -\n"})
	h, err := b.open(func() time.Time { return now })
	require.OK(t, err)
	if note := h.Of("a"); note.First != 0 || note.Tries != 2 || h.RefusedSince("a") != 0 {
		t.Errorf("it is %+v", note)
	}
	h.Doubted("a", "550 no")
	if since := h.RefusedSince("a"); since != now.Unix() {
		t.Errorf("it is refused since %d", since)
	}
}

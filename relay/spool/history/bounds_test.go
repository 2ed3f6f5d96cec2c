package history

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"vodmr/test/kit/require"
)

// memory is how many bytes of the heap are in use after f, beyond those before.
func memory(f func()) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

// fileOf makes one of about so many bytes from numbered lines.
func fileOf(size int, form string) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, form, i)
	}
	return b.String()
}

// TestHostileNotesCostLittle: a file that no session wrote takes a few megabytes of
// memory at most, and is quarantined when it is larger than any of ours.
func TestHostileNotesCostLittle(t *testing.T) {
	const most = 10 << 20
	text := strings.Repeat("x", maxText)
	for what, test := range map[string]struct {
		size     int
		form     string
		unusable bool
	}{
		"done":            {maxFile - 100, "1795000000 done %d\n", true},
		"done, too large": {16 << 20, "1795000000 done %d.1.host.example\n", true},
		"sent":            {maxFile - 100, "1795000000 sent %d\n", true},
		"also":            {maxFile - 100, "1795000000 also %d\n", true},
		"broke":           {maxFile - 100, "1795000000 broke %d 2\n", true},
		"kept":            {maxFile - 1000, "1795000000 kept %d 1 0 450 " + text + "\n", false},
		"stays":           {maxFile - 1000, "1795000000 stays %d " + text + "\n", false},
		"long names":      {maxFile - 1000, "1795000000 done " + strings.Repeat("%%FF", 200) + "%d\n", true},
	} {
		b, dir := newDir(t, map[string]string{"vodmr.notes": fileOf(test.size, test.form)})
		var n *History
		var err error
		used := memory(func() { n, err = b.open(testClock()) })
		if used > most {
			t.Errorf("%s: %d bytes of memory", what, used)
		}
		if errors.Is(err, errUnusable) != test.unusable || n.Unread() != nil {
			t.Errorf("%s: %v, unread: %v", what, err, n.Unread())
		}
		_, err = n.Begin("1", noBases)
		require.OK(t, err)
		if st, err := os.Stat(dir + "/vodmr.notes"); err != nil || st.Size() > mustSize {
			t.Errorf("%s: %v, or %d bytes", what, err, st.Size())
		}
		runtime.KeepAlive(n)
		n.Close()
	}
}

// TestDoneHasItsBound: what is done is noted beyond the bound of other notes, then it is
// told that it cannot be; and the file that was written so is read again.
func TestDoneHasItsBound(t *testing.T) {
	b, _ := newDir(t, nil)
	n, _ := session(t, b, "1")
	for i := range maxNotes + 5 {
		n.Kept(fmt.Sprint("kept", i), "450 x")
	}
	if n.Of(fmt.Sprint("kept", maxNotes)).Tries != 0 || n.Full() {
		t.Errorf("%d notes, full: %v", len(n.state.files), n.Full())
	}
	done := 0
	for ; n.Done(fmt.Sprint("done", done)); done++ {
		require.OK(t, n.Flush())
	}
	if done != mustNotes-maxNotes || !n.Full() {
		t.Errorf("%d are done, full: %v", done, n.Full())
	}
	require.OK(t, n.Flush())
	n.Close()
	n = openNotes(t, b)
	if !n.Of(fmt.Sprint("done", done-1)).Done || len(n.state.files) != mustNotes {
		t.Errorf("%d of %d notes are read again", len(n.state.files), mustNotes)
	}
}

// TestOurFileIsReadAgain: however many notes come and go in one session, the file never
// grows beyond what is read, even if it can be appended to but not be rewritten.
func TestOurFileIsReadAgain(t *testing.T) {
	for _, blocked := range []bool{false, true} {
		b, dir := newDir(t, nil)
		n, _ := session(t, b, "1")
		if blocked {
			require.OK(t, os.MkdirAll(dir+"/vodmr.notes.tmp/full", 0o700))
		}
		failed := false
		for i := range 5 * maxLines {
			name := fmt.Sprint(strings.Repeat("n", 30), i)
			n.Sent(name)
			if i%2 == 0 {
				n.Done(name)
			}
			n.Forget(name)
			if err := n.Flush(); err != nil {
				failed = true
			}
		}
		if failed != blocked {
			t.Errorf("blocked: %v, Flush failed: %v", blocked, failed)
		}
		n.Close()
		n, err := b.open(testClock())
		if err != nil || n.Damaged != 0 {
			t.Errorf("blocked: %v: %v, %d damaged", blocked, err, n.Damaged)
		}
		n.Close()
	}
}

// TestRepliesLoseTheirTextFirst: if there are many notes, what counts is kept.
func TestRepliesLoseTheirTextFirst(t *testing.T) {
	b, _ := newDir(t, nil)
	n, _ := session(t, b, "1")
	const count = 9000
	for i := range count {
		n.Doubted(fmt.Sprint("file", i), "550 5.7.1 "+strings.Repeat("y", 300))
	}
	require.OK(t, n.Flush())
	n.Close()
	n = openNotes(t, b)
	last := fmt.Sprint("file", count-1)
	if note := n.Of(last); note.Tries != 1 || note.Reply != "550" || n.RefusedSince(last) == 0 {
		t.Errorf("%+v", note)
	}
}

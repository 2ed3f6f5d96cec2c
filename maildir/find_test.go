package maildir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/require"
)

// renamedFlags are flags as mail readers set them, each of which only a search finds.
var renamedFlags = []string{":2,F", ":2,RS", ":2,FRS", ":2,Sab", ":2,Sc", ":2,DP", ""}

// renameAll moves the messages to cur, each with some of the flags; from are their names.
func renameAll(t *testing.T, dir string, from []string, shift int) (to []string) {
	t.Helper()
	for i, name := range from {
		base := Entry{Name: filepath.Base(name)}.Base()
		to = append(to, "cur/"+base+renamedFlags[(i+shift)%len(renamedFlags)])
		require.OK(t, os.Rename(filepath.Join(dir, name), filepath.Join(dir, to[i])))
	}
	return to
}

// TestRenamedMessagesCostOneReading: a mail reader that renames all messages during a
// session costs one reading of the directories each time that it does, not one for each
// message.
func TestRenamedMessagesCostOneReading(t *testing.T) {
	const many = 3000
	b, dir := newBox(t, nil)
	var names []string
	var entries []Entry
	for i := range many {
		entries = append(entries, Entry{Name: fmt.Sprintf("%d.1.h", 1000+i)})
		names = append(names, "new/"+entries[i].Name)
		write(t, filepath.Join(dir, names[i]), "x")
	}
	for round := range 3 {
		names = renameAll(t, dir, names, round)
		for i, e := range entries {
			if at, err := b.Find(e); err != nil || at.Path() != names[i] {
				t.Fatalf("round %d: %s is found as %s, %v; want %s", round, e.Path(), at.Path(), err, names[i])
			}
		}
		if b.searches != round+1 {
			t.Fatalf("round %d: the directories were read %d times, want once a round", round, b.searches)
		}
	}
	for _, e := range entries {
		require.OK(t, b.Remove(e, 1))
	}
	if left := scanAll(t, b); len(left) != 0 || b.searches != 3 {
		t.Errorf("%d files are left, after %d readings", len(left), b.searches)
	}
}

// TestVanishedMessagesCostOneReading: the same of a mail reader that deletes all.
func TestVanishedMessagesCostOneReading(t *testing.T) {
	b, _ := newBox(t, map[string]string{"new/1.a": ""})
	for i := range 1000 {
		if _, err := b.Find(Entry{Name: fmt.Sprintf("%d.1.h", i)}); !errors.Is(err, ErrGone) {
			t.Fatalf("%d: %v, want ErrGone", i, err)
		}
	}
	if b.searches != 1 {
		t.Errorf("the directories were read %d times, want once", b.searches)
	}
}

// TestRenamedAgainAndThenDeleted: a name that was read and is gone is looked for once
// more, and no longer.
func TestRenamedAgainAndThenDeleted(t *testing.T) {
	b, dir := newBox(t, map[string]string{"cur/1.a:2,F": "", "new/2.b": ""})
	at, err := b.Find(Entry{Name: "1.a"})
	require.OK(t, err)
	require.OK(t, os.Remove(filepath.Join(dir, at.Path())))
	if _, err := b.Find(Entry{Name: "1.a"}); !errors.Is(err, ErrGone) || b.searches != 2 {
		t.Errorf("%v after %d readings, want ErrGone after 2", err, b.searches)
	}
}

// TestMetInNewAndCur: a message that is moved as the directories are read stands under
// both names; the one that is there counts.
func TestMetInNewAndCur(t *testing.T) {
	for _, there := range []string{"new/1.a:2,F", "cur/1.a:2,FR"} {
		b, dir := newBox(t, map[string]string{"new/1.a:2,F": "", "cur/1.a:2,FR": ""})
		_, err := b.Find(Entry{Name: "1.a"})
		require.OK(t, err)
		for _, name := range []string{"new/1.a:2,F", "cur/1.a:2,FR"} {
			if name != there {
				require.OK(t, os.Remove(filepath.Join(dir, name)))
			}
		}
		if at, err := b.Find(Entry{Name: "1.a"}); err != nil || at.Path() != there || b.searches != 1 {
			t.Errorf("%s is found as %s, %v, after %d readings", there, at.Path(), err, b.searches)
		}
	}
}

// TestFlagsWithoutEnd: names with more kinds of flags than an index remembers cost no
// memory, and the others are found all the same.
func TestFlagsWithoutEnd(t *testing.T) {
	x, known := &index{}, make(map[place]uint64)
	for i := range placesMax + 100 {
		x.add(known, fmt.Appendf(nil, "%d.h", i), place{flags: fmt.Sprintf(":2,%d", i)})
	}
	x.add(known, []byte("last.h"), place{flags: ":2,0"})
	if len(x.places) != placesMax || len(x.words) != placesMax+1 {
		t.Errorf("%d places, %d words", len(x.places), len(x.words))
	}
	slices.Sort(x.words)
	b := &Box{index: x}
	at, err := b.search(Entry{Name: "last.h"}, func(Entry) error { return nil })
	if err != nil || at.Name != "last.h:2,0" {
		t.Errorf("the last is found as %+v, %v", at, err)
	}
	if _, err := b.search(Entry{Name: fmt.Sprint(placesMax, ".h")}, func(Entry) error { return unix.EIO }); !errors.Is(err, ErrGone) {
		t.Errorf("one too many: %v, want ErrGone", err)
	}
}

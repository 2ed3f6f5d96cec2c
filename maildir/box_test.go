package maildir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/test/kit/require"
)

func TestOpenBelowHome(t *testing.T) {
	home := t.TempDir()
	require.OK(t, os.Mkdir(filepath.Join(home, "sub"), 0o700))
	require.OK(t, Make(filepath.Join(home, "sub/Maildir")))
	for _, dir := range []string{"sub/Maildir", "./sub//Maildir/", filepath.Join(home, "sub/Maildir")} {
		b, err := Open(home, dir)
		if err != nil {
			t.Errorf("Open(home, %q): %v", dir, err)
			continue
		}
		b.Close()
	}
}

func TestOpenRefuses(t *testing.T) {
	home := t.TempDir()
	require.OK(t, Make(filepath.Join(home, "Maildir")))
	require.OK(t, os.Symlink("Maildir", filepath.Join(home, "link")))
	require.OK(t, os.Mkdir(filepath.Join(home, "half"), 0o700))
	require.OK(t, os.Mkdir(filepath.Join(home, "half/new"), 0o700))
	require.OK(t, os.Symlink("new", filepath.Join(home, "half/cur")))
	write(t, filepath.Join(home, "file"), "")

	tests := []struct{ home, dir, text string }{
		{home, "absent", "/absent: no such directory: make it"},
		{home, "link", "/link: no such directory: it is a file or a symbolic link"},
		{home, "file", "/file: no such directory"},
		{home, "half", "/half/cur: no such directory"},
		{home, "../x", "give its absolute path"},
		{home + "/nowhere", "Maildir", "/nowhere: no such directory"},
		{"", "Maildir", "HOME is not set"},
	}
	for _, test := range tests {
		b, err := Open(test.home, test.dir)
		if err == nil {
			b.Close()
			t.Errorf("Open(%q) worked", test.dir)
		} else if !strings.Contains(err.Error(), test.text) {
			t.Errorf("Open(%q): %v; want a text with %q", test.dir, err, test.text)
		}
	}
}

// /usr and / belong to root everywhere: as root, a directory is given away instead.
func TestOpenWantsTheOwner(t *testing.T) {
	for _, part := range []string{"", "new", "cur"} {
		dir := filepath.Join(t.TempDir(), "Maildir")
		require.OK(t, Make(dir))
		if os.Geteuid() != 0 {
			dir, part = "/", ""
		} else {
			require.OK(t, os.Chown(filepath.Join(dir, part), 12345, -1))
		}
		b, err := Open("", dir)
		if err == nil {
			b.Close()
		}
		if !errors.Is(err, ErrOwner) || !strings.Contains(err.Error(), "chown") {
			t.Errorf("%q of another: %v, want ErrOwner", part, err)
		}
	}
}

func TestNoDescriptorLeaks(t *testing.T) {
	_, dir := newBox(t, map[string]string{"new/1.a": "x", "new/2.b": "yy", "cur/3.c:2,S": "z", "maildirsize": "9S\n"})
	require.OK(t, os.Mkdir(filepath.Join(dir, "new/4.d"), 0o700))
	use := func() {
		b, err := Open("", dir)
		require.OK(t, err)
		require.OK(t, b.Lock.Acquire())
		l, err := b.Scan(past)
		if !errors.Is(err, ErrDeadline) {
			t.Fatalf("a scan with its deadline over: %v", err)
		}
		l.Close()
		b.OpenMessage(Entry{Name: "4.d"})
		b.OpenMessage(Entry{Name: "9.absent"})
		m, err := b.OpenMessage(Entry{Name: "1.a"})
		require.OK(t, err)
		m.Close()
		m.Close()
		r, err := b.Receive("h")
		require.OK(t, err)
		d, err := r.NewDelivery("a@b", []string{"c@d", "e@f"}, "")
		require.OK(t, err)
		require.OK(t, d.Commit())
		d, err = r.NewDelivery("a@b", []string{"c@d", "e@f"}, "")
		require.OK(t, err)
		d.Abort()
		r.Close()
		b.Close()
		Open("", dir+"/absent")
		Open(dir, "absent")
	}
	use() // the runtime opens its own the first time
	before := descriptors(t)
	for range 3 {
		use()
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// TestChangedAndInPlace: what no Watch sees.
func TestChangedAndInPlace(t *testing.T) {
	b, dir := newBox(t, nil)
	require.OK(t, os.Chtimes(filepath.Join(dir, "new"), past, past))
	before, err := b.Changed()
	require.OK(t, err)
	write(t, filepath.Join(dir, "new/1.a"), "x")
	if after, err := b.Changed(); err != nil || after == before {
		t.Errorf("Changed is %d before and %d after (%v)", before, after, err)
	}
	require.OK(t, b.InPlace())
	require.OK(t, b.Lock.Acquire())
	require.OK(t, os.Rename(dir+"/vodmr.lock", dir+"/other"))
	if err := b.InPlace(); err != ErrMoved {
		t.Errorf("the lock file was removed: %v", err)
	}
	require.OK(t, os.Rename(dir+"/other", dir+"/vodmr.lock"))
	require.OK(t, os.Rename(dir, dir+".old"))
	if err := b.InPlace(); err != ErrMoved {
		t.Errorf("it was moved away: %v", err)
	}
	require.OK(t, Make(dir))
	if err := b.InPlace(); err != ErrMoved {
		t.Errorf("it was made anew: %v", err)
	}
}

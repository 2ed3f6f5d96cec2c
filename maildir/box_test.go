package maildir

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("MAILDIR_TEST_LOCK"); dir != "" {
		os.Exit(lockAsOther(dir))
	}
	if dir := os.Getenv("MAILDIR_TEST_TAKE"); dir != "" {
		os.Exit(takeAsOther(dir, os.Getenv("MAILDIR_TEST_PATIENCE")))
	}
	os.Exit(m.Run())
}

// lockAsOther is another process that wants the lock: 0 where it got it, 3 where it is
// held.
func lockAsOther(dir string) int {
	b, err := Open("", dir)
	if err != nil {
		return 1
	}
	switch err := b.Lock(); {
	case err == nil:
		return 0
	case errors.Is(err, ErrLocked):
		return 3
	}
	return 1
}

func tryLock(t *testing.T, dir string) int {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "MAILDIR_TEST_LOCK="+dir)
	cmd.Run()
	return cmd.ProcessState.ExitCode()
}

func TestOneSessionHoldsTheLock(t *testing.T) {
	b, dir := newBox(t, nil)
	must(t, b.Lock())
	must(t, b.Lock())
	if code := tryLock(t, dir); code != 3 {
		t.Errorf("another process while the lock is held: exit %d, want 3", code)
	}
	scanAll(t, b)
	n, err := b.OpenNotes(testClock())
	must(t, err)
	_, err = n.Begin("1", noBases)
	must(t, err)
	n.Close()
	if code := tryLock(t, dir); code != 3 {
		t.Errorf("after a scan and notes the lock is gone: exit %d, want 3", code)
	}
	b.Close()
	if code := tryLock(t, dir); code != 0 {
		t.Errorf("after Close: exit %d, want 0", code)
	}
	if _, err := os.Stat(filepath.Join(dir, "vodmr.lock")); err != nil {
		t.Errorf("the lock file must stay: %v", err)
	}
}

func TestOpenBelowHome(t *testing.T) {
	home := t.TempDir()
	must(t, os.Mkdir(filepath.Join(home, "sub"), 0o700))
	must(t, Make(filepath.Join(home, "sub/Maildir")))
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
	must(t, Make(filepath.Join(home, "Maildir")))
	must(t, os.Symlink("Maildir", filepath.Join(home, "link")))
	must(t, os.Mkdir(filepath.Join(home, "half"), 0o700))
	must(t, os.Mkdir(filepath.Join(home, "half/new"), 0o700))
	must(t, os.Symlink("new", filepath.Join(home, "half/cur")))
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
		must(t, Make(dir))
		if os.Geteuid() != 0 {
			dir, part = "/", ""
		} else {
			must(t, os.Chown(filepath.Join(dir, part), 12345, -1))
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
	must(t, os.Mkdir(filepath.Join(dir, "new/4.d"), 0o700))
	use := func() {
		b, err := Open("", dir)
		must(t, err)
		must(t, b.Lock())
		l, err := b.Scan(past)
		if !errors.Is(err, ErrDeadline) {
			t.Fatalf("a scan with its deadline over: %v", err)
		}
		l.Close()
		b.OpenMessage(Entry{Name: "4.d"})
		b.OpenMessage(Entry{Name: "9.absent"})
		m, err := b.OpenMessage(Entry{Name: "1.a"})
		must(t, err)
		m.Close()
		m.Close()
		n, err := b.OpenNotes(testClock())
		must(t, err)
		n.Sent("1.a")
		must(t, n.Flush())
		_, err = n.Begin("2", noBases)
		must(t, err)
		n.Close()
		r, err := b.Receive("h")
		must(t, err)
		d, err := r.NewDelivery("a@b", []string{"c@d", "e@f"}, "")
		must(t, err)
		must(t, d.Commit())
		d, err = r.NewDelivery("a@b", []string{"c@d", "e@f"}, "")
		must(t, err)
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

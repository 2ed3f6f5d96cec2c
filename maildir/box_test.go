package maildir

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
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

// oddities are what may stand in a file's place; what is just rubbish is a file.
var oddities = map[string]func(path string) error{
	"rubbish":        func(path string) error { return os.WriteFile(path, []byte("rubbish\x00"), 0o600) },
	"directory":      func(path string) error { return os.Mkdir(path, 0o700) },
	"full directory": func(path string) error { return os.MkdirAll(path+"/full", 0o700) },
	"link":           func(path string) error { return os.Symlink("victim", path) },
	"dead link":      func(path string) error { return os.Symlink("nowhere", path) },
	"fifo":           func(path string) error { return syscall.Mkfifo(path, 0o600) },
}

// TestWhatIsNoLockFileIsSetAside: whatever has its name, one process and no other gets
// the lock; what a link points at is left alone.
func TestWhatIsNoLockFileIsSetAside(t *testing.T) {
	for what, maker := range oddities {
		b, dir := newBox(t, map[string]string{"victim": "mine", "vodmr.lock.bad": "an older one"})
		must(t, maker(dir+"/vodmr.lock"))
		if err, aside := b.Lock(), b.Aside(); err != nil || slices.Contains(aside, "vodmr.lock") != (what != "rubbish") {
			t.Errorf("%s: %v, set aside %q", what, err, aside)
		}
		if code := tryLock(t, dir); code != 3 {
			t.Errorf("%s: another process: exit %d, want 3", what, code)
		}
		st, err := os.Lstat(dir + "/vodmr.lock")
		must(t, err)
		if _, err := os.Lstat(dir + "/vodmr.lock.bad"); !st.Mode().IsRegular() || err != nil || slurp(t, dir+"/victim") != "mine" {
			t.Errorf("%s: %v, %v, or a link was followed", what, st.Mode(), err)
		}
		b.Close()
		if code := tryLock(t, dir); code != 0 {
			t.Errorf("%s: after Close: exit %d, want 0", what, code)
		}
	}
}

// TestOnlyOneSetsTheLockAside: while another process does it, the lock is held.
func TestOnlyOneSetsTheLockAside(t *testing.T) {
	b, dir := newBox(t, nil)
	must(t, os.Mkdir(dir+"/vodmr.lock", 0o700))
	guard, err := sys.Open(b.dir, guardName, unix.O_RDWR|unix.O_CREAT, 0o600)
	must(t, err)
	defer unix.Close(guard)
	must(t, setLock(guard))
	if code := tryLock(t, dir); code != 3 {
		t.Errorf("exit %d, want 3", code)
	}
	if st, err := os.Lstat(dir + "/vodmr.lock"); err != nil || !st.IsDir() {
		t.Errorf("it was set aside by the second: %v", err)
	}
	// The first is done: what it made is a lock file, and stays.
	must(t, os.Remove(dir+"/vodmr.lock"))
	write(t, dir+"/vodmr.lock", "")
	must(t, b.setAside(lockName, ErrNotRegular, b.lockIsOdd))
	if st, err := os.Lstat(dir + "/vodmr.lock"); err != nil || !st.Mode().IsRegular() || len(b.Aside()) > 0 {
		t.Errorf("a lock file was set aside: %v", err)
	}
}

// TestALockThatCannotBeSetAside is an error that names it.
func TestALockThatCannotBeSetAside(t *testing.T) {
	b, dir := newBox(t, nil)
	must(t, os.MkdirAll(dir+"/vodmr.lock", 0o700))
	must(t, os.MkdirAll(dir+"/vodmr.lock.bad/full", 0o700))
	if err := b.Lock(); !errors.Is(err, ErrNotRegular) || !strings.Contains(err.Error(), dir+"/vodmr.lock: ") {
		t.Errorf("%v", err)
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

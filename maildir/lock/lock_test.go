package lock

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
	"vodmr/test/kit/require"
)

// newLock makes a Maildir with the given files, and its lock.
func newLock(t testing.TB, files map[string]string) (*Lock, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "Maildir")
	require.OK(t, os.MkdirAll(dir+"/new", 0o700))
	require.OK(t, os.Mkdir(dir+"/tmp", 0o700))
	for path, content := range files {
		write(t, filepath.Join(dir, path), content)
	}
	l, err := open(dir)
	require.OK(t, err)
	t.Cleanup(func() {
		l.Release()
		sys.Close(l.dir)
	})
	return l, dir
}

// open is the lock of a Maildir at a path.
func open(dir string) (*Lock, error) {
	fd, err := sys.Open(unix.AT_FDCWD, dir, unix.O_RDONLY|unix.O_DIRECTORY|sys.Safely, 0)
	return New(fd, dir), err
}

// watch begins to watch a lock and its Maildir's new.
func watch(t *testing.T, l *Lock) *Watch {
	t.Helper()
	newDir, err := sys.Open(l.dir, "new", unix.O_RDONLY|unix.O_DIRECTORY|sys.Safely, 0)
	require.OK(t, err)
	t.Cleanup(func() { sys.Close(newDir) })
	w, err := l.Watch(newDir)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(w.Close)
	return w
}

func write(t testing.TB, path, content string) {
	t.Helper()
	require.OK(t, os.WriteFile(path, []byte(content), 0o600))
}

func TestMain(m *testing.M) {
	if dir := os.Getenv("LOCK_TEST_LOCK"); dir != "" {
		os.Exit(lockAsOther(dir))
	}
	if dir := os.Getenv("LOCK_TEST_HOLD"); dir != "" {
		code := lockAsOther(dir)
		os.Stdout.Write([]byte{byte(code)})
		os.Stdin.Read(make([]byte, 1))
		os.Exit(code)
	}
	if dir := os.Getenv("LOCK_TEST_TAKE"); dir != "" {
		os.Exit(takeAsOther(dir, os.Getenv("LOCK_TEST_PATIENCE")))
	}
	os.Exit(m.Run())
}

// lockAsOther is another process that wants the lock: its exit code is 0 if it got it, 3
// if another one holds it.
func lockAsOther(dir string) int {
	l, err := open(dir)
	if err != nil {
		return 1
	}
	switch err := l.Acquire(); {
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
	require.OK(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "LOCK_TEST_LOCK="+dir)
	cmd.Run()
	return cmd.ProcessState.ExitCode()
}

func TestOneSessionHoldsTheLock(t *testing.T) {
	l, dir := newLock(t, nil)
	require.OK(t, l.Acquire())
	require.OK(t, l.Acquire())
	if code := tryLock(t, dir); code != 3 {
		t.Errorf("another process while the lock is held: exit %d, want 3", code)
	}
	watch(t, l)
	require.OK(t, l.ask())
	if code := tryLock(t, dir); code != 3 {
		t.Errorf("after a watch and a question the lock is gone: exit %d, want 3", code)
	}
	l.Release()
	if code := tryLock(t, dir); code != 0 {
		t.Errorf("after Close: exit %d, want 0", code)
	}
	if _, err := os.Stat(filepath.Join(dir, "vodmr.lock")); err != nil {
		t.Errorf("the lock file must stay: %v", err)
	}
}

// notFiles make things that may have a file's name. One of them is a file, with rubbish in
// it, and can be locked.
var notFiles = map[string]func(path string) error{
	"rubbish":        func(path string) error { return os.WriteFile(path, []byte("rubbish\x00"), 0o600) },
	"directory":      func(path string) error { return os.Mkdir(path, 0o700) },
	"full directory": func(path string) error { return os.MkdirAll(path+"/full", 0o700) },
	"link":           func(path string) error { return os.Symlink("victim", path) },
	"dead link":      func(path string) error { return os.Symlink("nowhere", path) },
	"fifo":           func(path string) error { return syscall.Mkfifo(path, 0o600) },
}

// TestLockFileQuarantined: if something else has the name of the lock file, one process
// and no other gets the lock. The target of a link is left alone.
func TestLockFileQuarantined(t *testing.T) {
	for what, maker := range notFiles {
		l, dir := newLock(t, map[string]string{"victim": "mine", "vodmr.lock.bad": "an older one"})
		require.OK(t, maker(dir+"/vodmr.lock"))
		if err, quarantined := l.Acquire(), l.Quarantined(); err != nil || slices.Contains(quarantined, "vodmr.lock") != (what != "rubbish") {
			t.Errorf("%s: %v, quarantined %q", what, err, quarantined)
		}
		if code := tryLock(t, dir); code != 3 {
			t.Errorf("%s: another process: exit %d, want 3", what, code)
		}
		st, err := os.Lstat(dir + "/vodmr.lock")
		require.OK(t, err)
		if _, err := os.Lstat(dir + "/vodmr.lock.bad"); !st.Mode().IsRegular() || err != nil || require.File(t, dir+"/victim") != "mine" {
			t.Errorf("%s: %v, %v, or a link was followed", what, st.Mode(), err)
		}
		l.Release()
		if code := tryLock(t, dir); code != 0 {
			t.Errorf("%s: after Close: exit %d, want 0", what, code)
		}
	}
}

// TestOnlyOneQuarantines: while another process does it, the lock is held.
func TestOnlyOneQuarantines(t *testing.T) {
	l, dir := newLock(t, nil)
	require.OK(t, os.Mkdir(dir+"/vodmr.lock", 0o700))
	guard, err := sys.Open(l.dir, guardName, unix.O_RDWR|unix.O_CREAT, 0o600)
	require.OK(t, err)
	defer unix.Close(guard)
	require.OK(t, setLock(guard))
	if code := tryLock(t, dir); code != 3 {
		t.Errorf("exit %d, want 3", code)
	}
	if st, err := os.Lstat(dir + "/vodmr.lock"); err != nil || !st.IsDir() {
		t.Errorf("it was quarantined by the second: %v", err)
	}
	// The first is done: what it made is a lock file, and stays.
	require.OK(t, os.Remove(dir+"/vodmr.lock"))
	write(t, dir+"/vodmr.lock", "")
	require.OK(t, l.quarantine(lockName, sys.ErrNotRegular, func() bool { return sys.IsOther(l.dir, lockName) }))
	if st, err := os.Lstat(dir + "/vodmr.lock"); err != nil || !st.Mode().IsRegular() || len(l.Quarantined()) > 0 {
		t.Errorf("a lock file was quarantined: %v", err)
	}
}

// TestCannotQuarantine: the error names the lock file.
func TestCannotQuarantine(t *testing.T) {
	l, dir := newLock(t, nil)
	require.OK(t, os.MkdirAll(dir+"/vodmr.lock", 0o700))
	require.OK(t, os.MkdirAll(dir+"/vodmr.lock.bad/full", 0o700))
	if err := l.Acquire(); !errors.Is(err, sys.ErrNotRegular) || !strings.Contains(err.Error(), dir+"/vodmr.lock: ") {
		t.Errorf("%v", err)
	}
}

// holder is another process that has the lock, until end is called.
func holder(t *testing.T, dir string) (pid int, end func()) {
	t.Helper()
	self, err := os.Executable()
	require.OK(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "LOCK_TEST_HOLD="+dir)
	in, err := cmd.StdinPipe()
	require.OK(t, err)
	out, err := cmd.StdoutPipe()
	require.OK(t, err)
	require.OK(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill() })
	code := []byte{1}
	if _, err := out.Read(code); err != nil || code[0] != 0 {
		t.Fatalf("the other process did not get the lock: %d, %v", code[0], err)
	}
	return cmd.Process.Pid, func() {
		in.Close()
		require.OK(t, cmd.Wait())
	}
}

// TestHolder: the process that holds the lock can be found, and keeps this one off in
// every way.
func TestHolder(t *testing.T) {
	l, dir := newLock(t, nil)
	if pid, err := l.Holder(); pid != 0 || err != nil {
		t.Errorf("without a file: held by %d, %v", pid, err)
	}
	other, end := holder(t, dir)
	if pid, err := l.Holder(); pid != other || err != nil {
		t.Errorf("held by %d, %v, want %d", pid, err, other)
	}
	unasked := func(err error) { t.Errorf("it was asked: %v", err) }
	for what, err := range map[string]error{
		"Acquire": l.Acquire(), "TakeOver": l.TakeOver(1000*time.Hour, unasked), "Evict": l.Evict(1000 * time.Hour),
	} {
		if !errors.Is(err, ErrLocked) || !strings.HasPrefix(err.Error(), dir+"/vodmr.lock: ") {
			t.Errorf("%s: %v", what, err)
		}
	}
	end()
	if pid, err := l.Holder(); pid != 0 || err != nil {
		t.Errorf("after its end: held by %d, %v", pid, err)
	}
	require.OK(t, l.Evict(time.Hour))
	if l.EvictionRequested() {
		t.Error("nobody requested an eviction")
	}
}

// TestNoWatch: the error names the Maildir.
func TestNoWatch(t *testing.T) {
	l, dir := newLock(t, nil)
	before := descriptors(t)
	if w, err := l.Watch(-1); err == nil || w != nil || !strings.HasPrefix(err.Error(), dir+": no watch: ") {
		t.Errorf("%v, %v", w, err)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before and %d after", before, after)
	}
}

// descriptors counts those that are open.
func descriptors(t testing.TB) int {
	t.Helper()
	for _, dir := range []string{"/proc/self/fd", "/dev/fd"} {
		if names, err := os.ReadDir(dir); err == nil {
			return len(names)
		}
	}
	t.Skip("this system does not list descriptors")
	return 0
}

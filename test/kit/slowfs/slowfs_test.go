//go:build linux

package slowfs_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/require"
	"vodmr/test/kit/slowfs"
)

const delay = 20 * time.Millisecond

// TestDelay holds that each call takes its time at least.
func TestDelay(t *testing.T) {
	dir := slowfs.New(t, t.TempDir(), slowfs.Speed{Delay: delay}).Dir
	name := filepath.Join(dir, "a")
	for _, step := range []struct {
		name string
		call func() error
	}{
		{"create", func() error { return os.WriteFile(name, []byte("1\n"), 0o600) }},
		{"append", func() error { return appendLine(name, "2\n") }},
		{"link", func() error { return os.Link(name, name+"2") }},
		{"rename", func() error { return os.Rename(name+"2", name+"3") }},
		{"mkdir", func() error { return os.Mkdir(filepath.Join(dir, "d"), 0o700) }},
		{"stat", func() error { _, err := os.Stat(name + "3"); return err }},
		{"unlink", func() error { return os.Remove(name + "3") }},
	} {
		start := time.Now()
		require.OK(t, step.call())
		if took := time.Since(start); took < delay {
			t.Errorf("%s took %v", step.name, took)
		}
	}
	if got := require.File(t, name); got != "1\n2\n" {
		t.Errorf("the file has %q", got)
	}
}

func appendLine(name, line string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err = f.WriteString(line); err != nil {
		return err
	}
	return f.Sync()
}

// TestTwoHosts holds that two mounts of one folder have the same files and locks, and that
// neither has a watch that sees the other's changes.
func TestTwoHosts(t *testing.T) {
	source := t.TempDir()
	one := slowfs.New(t, source, slowfs.Speed{}).Dir
	two := slowfs.New(t, source, slowfs.Speed{}).Dir
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	require.OK(t, err)
	defer unix.Close(watch)
	_, err = unix.InotifyAddWatch(watch, two, unix.IN_ALL_EVENTS)
	require.OK(t, err)

	ours := openLock(t, one)
	require.OK(t, lock(ours))
	if n, err := unix.Read(watch, make([]byte, 4096)); err != unix.EAGAIN {
		t.Errorf("the watch saw another host's new file: %d octets, %v", n, err)
	}
	theirs := openLock(t, two)
	if err := lock(theirs); err != unix.EAGAIN {
		t.Errorf("the lock that the other host holds: %v", err)
	}
	require.OK(t, ours.Close())
	awaitLock(t, theirs)
}

func openLock(t *testing.T, dir string) *os.File {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	require.OK(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func lock(f *os.File) error {
	return unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
}

// awaitLock takes a lock that another host has just given up: the kernel tells the file
// system only after close has returned.
func awaitLock(t *testing.T, f *os.File) {
	t.Helper()
	for range 500 {
		if lock(f) == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the lock that was given up is still held")
}

// TestHang holds that a call that hangs waits for Resume, and that Close lets it fail.
func TestHang(t *testing.T) {
	m := slowfs.New(t, t.TempDir(), slowfs.Speed{})
	m.Hang()
	done := startHanging(t, m.Dir)
	m.Resume()
	if err := <-done; !os.IsNotExist(err) {
		t.Errorf("the call that went on: %v", err)
	}
	m.Hang()
	done = startHanging(t, m.Dir)
	m.Close()
	if err := <-done; err == nil || os.IsNotExist(err) {
		t.Errorf("a call of an unmounted file system: %v", err)
	}
}

// startHanging begins a call for a missing name. Its result comes once the file system has
// it go on.
func startHanging(t *testing.T, dir string) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- syscall.Access(filepath.Join(dir, "missing"), 0) }()
	select {
	case err := <-done:
		t.Fatalf("a call did not hang: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	return done
}

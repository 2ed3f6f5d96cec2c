package slowfs

import (
	"path/filepath"
	"syscall"
	"testing"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
	"vodmr/test/kit/testsite"
)

// A Mount is a folder that is seen through a slow file system.
type Mount struct {
	Dir string // where it is seen

	t       testing.TB
	process *Process // nil if it has ended
}

// New shows the folder source at a new place, which every user may enter, until the end of
// the test. Two mounts of one source are two hosts: neither sees the other's changes by
// a watch, and a lock holds between them. Permissions are not checked. If this machine has
// no FUSE, or the test does not run as root, it is skipped.
//
// A process that waits for a call which hangs can not be killed. At its end a test must
// wait for its processes only behind Resume or Close.
func New(t testing.TB, source string, s Speed) *Mount {
	t.Helper()
	seen := filepath.Join(testsite.PublicDir(t), "seen")
	require.OK(t, syscall.Mkdir(seen, 0o755))
	return At(t, source, seen, s)
}

// At does the same at a place of the caller's choice, an empty folder.
func At(t testing.TB, source, seen string, s Speed) *Mount {
	t.Helper()
	require.Root(t, "only root mounts a file system")
	if err := syscall.Access("/dev/fuse", 6); err != nil {
		require.Skip(t, "no FUSE in this kernel or container: /dev/fuse: %v", err)
	}
	folder := t.TempDir()
	require.OK(t, dialogue.Build(folder, "vodmr/test/kit/slowfs/mount"))
	process, err := Start(filepath.Join(folder, "mount"), source, seen, s)
	require.OK(t, err)
	m := &Mount{Dir: seen, t: t, process: process}
	t.Cleanup(m.Close)
	return m
}

// Hang lets all calls hang, even those that have begun.
func (m *Mount) Hang() { m.t.Helper(); m.signal(syscall.SIGUSR1, "hangs") }

// Resume lets them go on.
func (m *Mount) Resume() { m.t.Helper(); m.signal(syscall.SIGUSR2, "goes on") }

// signal sends a signal, and returns when the program has done what it means.
func (m *Mount) signal(s syscall.Signal, answer string) {
	m.t.Helper()
	require.OK(m.t, m.process.cmd.Process.Signal(s))
	require.OK(m.t, m.process.expect(answer))
}

// Close unmounts the folder. Calls that hang fail, and so do all later ones of a process
// that has a file of it open. A second time it does nothing.
func (m *Mount) Close() {
	m.t.Helper()
	if m.process == nil {
		return
	}
	if err := m.process.End(); err != nil {
		m.t.Error(err)
		_ = syscall.Unmount(m.Dir, syscall.MNT_DETACH)
	}
	m.process = nil
}

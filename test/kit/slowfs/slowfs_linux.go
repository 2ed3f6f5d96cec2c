package slowfs

import (
	"bufio"
	"io"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
	"vodmr/test/kit/testsite"
)

// A Speed says how slow a mount is.
type Speed struct {
	Delay time.Duration // of each call
	Cache time.Duration // for how long the kernel believes names and attributes
}

// A Mount is a folder that is seen through a slow file system.
type Mount struct {
	Dir string // where it is seen

	t       testing.TB
	program *exec.Cmd
	end     io.Closer     // the program's standard input
	answers *bufio.Reader // its standard output
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
		require.Skip(t, "/dev/fuse: %v", err)
	}
	folder := t.TempDir()
	require.OK(t, dialogue.Build(folder, "vodmr/test/kit/slowfs/mount"))
	m := &Mount{Dir: seen, t: t}
	m.program = exec.Command(filepath.Join(folder, "mount"),
		"-e", "-delay", s.Delay.String(), "-cache", s.Cache.String(), source, m.Dir)
	m.start()
	t.Cleanup(m.Close)
	return m
}

// start starts the program and returns when its file system is mounted.
func (m *Mount) start() {
	m.t.Helper()
	input, err := m.program.StdinPipe()
	require.OK(m.t, err)
	m.end = input
	output, err := m.program.StdoutPipe()
	require.OK(m.t, err)
	messages, err := m.program.StderrPipe()
	require.OK(m.t, err)
	require.OK(m.t, m.program.Start())
	m.answers = bufio.NewReader(output)
	if line, err := m.answers.ReadString('\n'); line != "ready\n" {
		input.Close()
		why, _ := io.ReadAll(messages)
		m.t.Fatalf("the slow file system does not start: %q, %v, %s%v", line, err, why, m.program.Wait())
	}
}

// Hang lets all calls hang, even those that have begun.
func (m *Mount) Hang() { m.t.Helper(); m.signal(syscall.SIGUSR1, "hangs\n") }

// Resume lets them go on.
func (m *Mount) Resume() { m.t.Helper(); m.signal(syscall.SIGUSR2, "goes on\n") }

// signal sends a signal, and returns when the program has done what it means.
func (m *Mount) signal(s syscall.Signal, answer string) {
	m.t.Helper()
	require.OK(m.t, m.program.Process.Signal(s))
	if line, err := m.answers.ReadString('\n'); line != answer {
		m.t.Fatalf("the slow file system answers %v with %q, %v", s, line, err)
	}
}

// Close unmounts the folder. Calls that hang fail, and so do all later ones of a process
// that has a file of it open. A second time it does nothing.
func (m *Mount) Close() {
	m.t.Helper()
	if m.end == nil {
		return
	}
	m.end.Close()
	m.end = nil
	if err := m.program.Wait(); err != nil {
		m.t.Errorf("the slow file system: %v", err)
		_ = syscall.Unmount(m.Dir, syscall.MNT_DETACH)
	}
}

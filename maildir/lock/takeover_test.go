package lock

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
	"vodmr/test/kit/require"
)

// takeAsOther is another process that takes over, or evicts: its exit code is 0 if it got
// the lock, 3 if the other session goes on.
func takeAsOther(dir, patience string) int {
	l, err := open(dir)
	if err != nil {
		return 1
	}
	wait, err := time.ParseDuration(patience)
	if err != nil {
		return 1
	}
	take := func(patience time.Duration) error { return l.TakeOver(patience, func(error) {}) }
	if os.Getenv("LOCK_TEST_EVICT") != "" {
		take = l.Evict
	}
	switch err := take(wait); {
	case err == nil:
		return 0
	case errors.Is(err, ErrLocked):
		return 3
	}
	return 1
}

// taker is a process that begins to take over.
func taker(t *testing.T, dir, patience string, env ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.OK(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "LOCK_TEST_TAKE="+dir, "LOCK_TEST_PATIENCE="+patience)
	cmd.Env = append(cmd.Env, env...)
	require.OK(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd
}

func code(cmd *exec.Cmd) int {
	cmd.Wait()
	return cmd.ProcessState.ExitCode()
}

// readWatch waits until there is something to read.
func readWatch(t *testing.T, w *Watch) (mail, asked bool) {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(w.FD()), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, int(time.Minute/time.Millisecond))
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			t.Fatalf("nothing to read: %v", err)
		}
		mail, asked, err := w.Read()
		require.OK(t, err)
		return mail, asked
	}
}

// standing is the lock of a standing session, in this process.
func standing(t *testing.T) (*Lock, string, *Watch) {
	t.Helper()
	l, dir := newLock(t, nil)
	require.OK(t, l.Acquire())
	w := watch(t, l)
	require.OK(t, l.MarkStanding())
	return l, dir, w
}

// TestWatchSeesMail: it sees mail that comes by link or by rename, and nothing otherwise.
func TestWatchSeesMail(t *testing.T) {
	_, dir, w := standing(t)
	if mail, asked, err := w.Read(); mail || asked || err != nil {
		t.Errorf("at first: %v, %v, %v", mail, asked, err)
	}
	tmp, new := filepath.Join(dir, "tmp/1.a"), filepath.Join(dir, "new/1.a")
	for what, put := range map[string]func(from, to string) error{"link": os.Link, "rename": os.Rename} {
		write(t, tmp, "x")
		require.OK(t, put(tmp, new))
		if mail, asked := readWatch(t, w); !mail || asked {
			t.Errorf("%s: mail %v, asked %v", what, mail, asked)
		}
		if mail, asked, err := w.Read(); mail || asked || err != nil {
			t.Errorf("%s, read again: %v, %v, %v", what, mail, asked, err)
		}
		require.OK(t, os.Remove(new))
		w.Read() // kqueue sees that too
		os.Remove(tmp)
	}
}

// TestWatchManyEvents: more than one read's worth, and more than the system's queue
// holds.
func TestWatchManyEvents(t *testing.T) {
	_, dir, w := standing(t)
	from, to := filepath.Join(dir, "new/1.a"), filepath.Join(dir, "new/2.b")
	write(t, from, "x")
	for range 20000 {
		require.OK(t, os.Rename(from, to))
		from, to = to, from
	}
	if mail, _ := readWatch(t, w); !mail {
		t.Error("no mail was seen")
	}
	if mail, asked, err := w.Read(); mail || asked || err != nil {
		t.Errorf("read again: %v, %v, %v", mail, asked, err)
	}
}

// TestTakeOver: the standing session is asked, and when it ends the other has the lock.
func TestTakeOver(t *testing.T) {
	l, dir, w := standing(t)
	var takers [2]*exec.Cmd
	for i := range takers {
		takers[i] = taker(t, dir, "1m")
		// One that comes only after the end meets the other's lock, and goes.
		if mail, asked := readWatch(t, w); mail || !asked {
			t.Errorf("mail %v, asked %v", mail, asked)
		}
	}
	l.Release()
	if c, d := code(takers[0]), code(takers[1]); c != 0 || d != 0 {
		t.Errorf("the processes that asked exit %d and %d, want 0: each got the lock in its turn", c, d)
	}
}

// TestTakeOverInVain: the standing session goes on.
func TestTakeOverInVain(t *testing.T) {
	_, dir, w := standing(t)
	for range 2 {
		cmd := taker(t, dir, "1ms")
		if _, asked := readWatch(t, w); !asked {
			t.Error("not asked")
		}
		if c := code(cmd); c != 3 {
			t.Errorf("the process that asked exits %d, want 3", c)
		}
	}
	if c := tryLock(t, dir); c != 3 {
		t.Errorf("another process while the lock is held: exit %d, want 3", c)
	}
}

// TestEvict: the standing session can tell an eviction from a question, and when it ends
// the other has the lock. An eviction ends with the process that made it.
func TestEvict(t *testing.T) {
	const evict = "LOCK_TEST_EVICT=1"
	l, dir, w := standing(t)
	for _, test := range []struct {
		patience, env string
		evicted       bool
	}{{"1m", "", false}, {"1m", evict, true}} {
		cmd := taker(t, dir, test.patience, test.env)
		if _, asked := readWatch(t, w); !asked || l.EvictionRequested() != test.evicted {
			t.Errorf("%q: asked %v, evicted %v", test.env, asked, l.EvictionRequested())
		}
		require.OK(t, cmd.Process.Kill())
		code(cmd)
		if l.EvictionRequested() {
			t.Errorf("%q: still evicted by a process that is gone", test.env)
		}
	}
	if c := code(taker(t, dir, "1ms", evict)); c != 3 {
		t.Errorf("in vain: exit %d, want 3", c)
	}
	readWatch(t, w)
	evictor := taker(t, dir, "1m", evict)
	if readWatch(t, w); !l.EvictionRequested() {
		t.Error("not evicted")
	}
	l.Release()
	if c := code(evictor); c != 0 {
		t.Errorf("the process that evicted it exits %d, want 0", c)
	}
}

// TestEvictOrdinary: an ordinary session is not waited for.
func TestEvictOrdinary(t *testing.T) {
	l, dir := newLock(t, nil)
	require.OK(t, l.Acquire())
	if c := code(taker(t, dir, "1000h", "LOCK_TEST_EVICT=1")); c != 3 {
		t.Errorf("exit %d, want 3", c)
	}
}

// TestTakeOverOrdinary: an ordinary session is not asked or waited for.
func TestTakeOverOrdinary(t *testing.T) {
	l, dir := newLock(t, nil)
	require.OK(t, l.Acquire())
	if c := code(taker(t, dir, "1000h")); c != 3 {
		t.Errorf("exit %d, want 3", c)
	}
	if _, err := os.Stat(filepath.Join(dir, "vodmr.ask")); err == nil {
		t.Error("it was asked")
	}
}

// TestAskFileQuarantined: by the standing session, or by the one that asks, if it comes
// first. The target of a link is left alone.
func TestAskFileQuarantined(t *testing.T) {
	for what, maker := range notFiles {
		l, dir := newLock(t, map[string]string{"victim": "mine", "vodmr.ask.bad": "an older one"})
		ask := filepath.Join(dir, "vodmr.ask")
		require.OK(t, maker(ask))
		require.OK(t, l.Acquire())
		w := watch(t, l)
		require.OK(t, l.MarkStanding())
		if quarantined := l.Quarantined(); slices.Contains(quarantined, "vodmr.ask") != (what != "rubbish") || w.CannotAsk != nil {
			t.Errorf("%s: quarantined %q, cannot ask: %v", what, quarantined, w.CannotAsk)
		}
		if c := code(taker(t, dir, "1ms")); c != 3 {
			t.Errorf("%s: the process that asked exits %d, want 3", what, c)
		}
		if mail, asked, err := w.Read(); mail || !asked || err != nil {
			t.Errorf("%s: mail %v, asked %v, %v", what, mail, asked, err)
		}
		require.OK(t, os.RemoveAll(ask+".bad"))
		require.OK(t, os.Remove(ask))
		require.OK(t, maker(ask))
		require.OK(t, l.ask())
		if _, err := os.Lstat(ask + ".bad"); (err == nil) != (what != "rubbish") || require.File(t, filepath.Join(dir, "victim")) != "mine" {
			t.Errorf("%s: %v, or a link was followed", what, err)
		}
	}
}

// TestAskingNeedsNoRoom: the byte is there before anybody asks, even if there was
// an empty file.
func TestAskingNeedsNoRoom(t *testing.T) {
	for what, files := range map[string]map[string]string{"no file": nil, "an empty file": {"vodmr.ask": ""}} {
		l, dir := newLock(t, files)
		w := watch(t, l)
		for _, when := range []string{"the watch begins", "somebody asked"} {
			if text := require.File(t, dir+"/vodmr.ask"); len(text) != 1 {
				t.Errorf("%s, when %s: it holds %q", what, when, text)
			}
			if _, asked, err := w.Read(); asked != (when == "somebody asked") || err != nil {
				t.Errorf("%s, when %s: asked %v, %v", what, when, asked, err)
			}
			require.OK(t, l.ask())
		}
	}
}

// cannotAsk makes a Maildir in which no user, not even root, can ask.
func cannotAsk(t *testing.T, dir string) {
	t.Helper()
	require.OK(t, os.Mkdir(filepath.Join(dir, "vodmr.ask"), 0o700))
	require.OK(t, os.MkdirAll(filepath.Join(dir, "vodmr.ask.bad/full"), 0o700))
}

// TestNobodyCanAsk: the standing session sees new mail all the same.
func TestNobodyCanAsk(t *testing.T) {
	l, dir := newLock(t, nil)
	cannotAsk(t, dir)
	w := watch(t, l)
	if text := fmt.Sprint(w.CannotAsk); !errors.Is(w.CannotAsk, sys.ErrNotRegular) || !strings.HasPrefix(text, dir+"/vodmr.ask: ") {
		t.Errorf("cannot ask: %v", w.CannotAsk)
	}
	write(t, filepath.Join(dir, "new/1.a"), "x")
	if mail, asked := readWatch(t, w); !mail || asked {
		t.Errorf("mail %v, asked %v", mail, asked)
	}
}

// TestTakeOverUnasked: a session that cannot be asked is waited for. It is asked as soon
// as that is possible.
func TestTakeOverUnasked(t *testing.T) {
	l, dir := newLock(t, nil)
	require.OK(t, l.Acquire())
	require.OK(t, l.MarkStanding())
	cannotAsk(t, dir)
	other := taker(t, dir, "1m")
	until(t, "it tried", func() bool { return regular(dir + "/vodmr.lock.mend") })
	require.OK(t, os.RemoveAll(dir+"/vodmr.ask.bad"))
	until(t, "it asked", func() bool { return regular(dir + "/vodmr.ask") })
	l.Release()
	if c := code(other); c != 0 {
		t.Errorf("exit %d, want 0", c)
	}
}

func regular(path string) bool {
	st, err := os.Lstat(path)
	return err == nil && st.Mode().IsRegular()
}

// until waits until something is true.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

// TestInPlace: a lock keeps nobody off after its file has lost its name. A call that fails does
// not say that.
func TestInPlace(t *testing.T) {
	l, dir := newLock(t, nil)
	require.OK(t, l.Acquire())
	expect := func(want bool, when string) {
		t.Helper()
		if is, err := l.InPlace(); is != want || err != nil {
			t.Errorf("%s: %v, %v", when, is, err)
		}
	}
	expect(true, "it was not touched")
	lock := filepath.Join(dir, "vodmr.lock")
	require.OK(t, os.Remove(lock))
	expect(false, "the lock file was removed")
	if c := tryLock(t, dir); c != 0 {
		t.Fatalf("another process: exit %d, want 0", c)
	}
	expect(false, "the lock file was made anew")
	fd := l.fd
	l.fd = 1 << 20
	if _, err := l.InPlace(); !errors.Is(err, unix.EBADF) {
		t.Errorf("without a descriptor: %v", err)
	}
	l.fd = fd
}

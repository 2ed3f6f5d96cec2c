package maildir

import (
	"bytes"
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
)

// takeAsOther is another process that takes over, or claims: 0 where it got the lock, 3 where
// the other session goes on.
func takeAsOther(dir, patience string) int {
	b, err := Open("", dir)
	if err != nil {
		return 1
	}
	wait, err := time.ParseDuration(patience)
	if err != nil {
		return 1
	}
	take := func(patience time.Duration) error { return b.TakeOver(patience, func(error) {}) }
	if os.Getenv("MAILDIR_TEST_CLAIM") != "" {
		take = b.Claim
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
	must(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "MAILDIR_TEST_TAKE="+dir, "MAILDIR_TEST_PATIENCE="+patience)
	cmd.Env = append(cmd.Env, env...)
	must(t, cmd.Start())
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
		must(t, err)
		return mail, asked
	}
}

// standing is a box whose session stands.
func standing(t *testing.T) (*Box, string, *Watch) {
	t.Helper()
	b, dir := newBox(t, nil)
	must(t, b.Lock())
	w, err := b.Watch()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(w.Close)
	must(t, b.Stand())
	return b, dir, w
}

// TestWatchSeesMail: by link and by rename, and nothing where nothing came.
func TestWatchSeesMail(t *testing.T) {
	_, dir, w := standing(t)
	if mail, asked, err := w.Read(); mail || asked || err != nil {
		t.Errorf("at first: %v, %v, %v", mail, asked, err)
	}
	tmp, new := filepath.Join(dir, "tmp/1.a"), filepath.Join(dir, "new/1.a")
	for what, put := range map[string]func(from, to string) error{"link": os.Link, "rename": os.Rename} {
		write(t, tmp, "x")
		must(t, put(tmp, new))
		if mail, asked := readWatch(t, w); !mail || asked {
			t.Errorf("%s: mail %v, asked %v", what, mail, asked)
		}
		if mail, asked, err := w.Read(); mail || asked || err != nil {
			t.Errorf("%s, read again: %v, %v, %v", what, mail, asked, err)
		}
		must(t, os.Remove(new))
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
		must(t, os.Rename(from, to))
		from, to = to, from
	}
	if mail, _ := readWatch(t, w); !mail {
		t.Error("no mail was seen")
	}
	if mail, asked, err := w.Read(); mail || asked || err != nil {
		t.Errorf("read again: %v, %v, %v", mail, asked, err)
	}
}

// TestTakeOver: the one that stands is asked, and where it ends the other has the
// lock.
func TestTakeOver(t *testing.T) {
	b, dir, w := standing(t)
	var takers [2]*exec.Cmd
	for i := range takers {
		takers[i] = taker(t, dir, "1m")
		// One that comes only after the end meets the other's lock, and goes.
		if mail, asked := readWatch(t, w); mail || !asked {
			t.Errorf("mail %v, asked %v", mail, asked)
		}
	}
	b.Close()
	if c, d := code(takers[0]), code(takers[1]); c != 0 || d != 0 {
		t.Errorf("the processes that asked exit %d and %d, want 0: each got the lock in its turn", c, d)
	}
}

// TestTakeOverInVain: the one that stands goes on.
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

// TestClaim: the one that stands can tell a claim from a question, and where it ends the
// other has the lock. A claim ends with the process that made it.
func TestClaim(t *testing.T) {
	const claim = "MAILDIR_TEST_CLAIM=1"
	b, dir, w := standing(t)
	for _, test := range []struct {
		patience, env string
		claimed       bool
	}{{"1m", "", false}, {"1m", claim, true}} {
		cmd := taker(t, dir, test.patience, test.env)
		if _, asked := readWatch(t, w); !asked || b.Claimed() != test.claimed {
			t.Errorf("%q: asked %v, claimed %v", test.env, asked, b.Claimed())
		}
		must(t, cmd.Process.Kill())
		code(cmd)
		if b.Claimed() {
			t.Errorf("%q: still claimed by a process that is gone", test.env)
		}
	}
	if c := code(taker(t, dir, "1ms", claim)); c != 3 {
		t.Errorf("in vain: exit %d, want 3", c)
	}
	readWatch(t, w)
	claimer := taker(t, dir, "1m", claim)
	if readWatch(t, w); !b.Claimed() {
		t.Error("not claimed")
	}
	b.Close()
	if c := code(claimer); c != 0 {
		t.Errorf("the process that claimed exits %d, want 0", c)
	}
}

// TestClaimOfOne: a session that does not stand is not waited for.
func TestClaimOfOne(t *testing.T) {
	b, dir := newBox(t, nil)
	must(t, b.Lock())
	if c := code(taker(t, dir, "1000h", "MAILDIR_TEST_CLAIM=1")); c != 3 {
		t.Errorf("exit %d, want 3", c)
	}
}

// TestTakeOverOfOne: a session that does not stand is not asked or waited for.
func TestTakeOverOfOne(t *testing.T) {
	b, dir := newBox(t, nil)
	must(t, b.Lock())
	if c := code(taker(t, dir, "1000h")); c != 3 {
		t.Errorf("exit %d, want 3", c)
	}
	if _, err := os.Stat(filepath.Join(dir, "vodmr.ask")); err == nil {
		t.Error("it was asked")
	}
}

// TestWhatIsNoAskFileIsSetAside: whoever meets it first, the one that stands or the one
// that asks; what a link points at is left alone.
func TestWhatIsNoAskFileIsSetAside(t *testing.T) {
	for what, maker := range oddities {
		b, dir := newBox(t, map[string]string{"victim": "mine", "vodmr.ask.bad": "an older one"})
		ask := filepath.Join(dir, "vodmr.ask")
		must(t, maker(ask))
		must(t, b.Lock())
		w, err := b.Watch()
		if err != nil {
			t.Skip(err)
		}
		defer w.Close()
		must(t, b.Stand())
		if aside := b.Aside(); slices.Contains(aside, "vodmr.ask") != (what != "rubbish") || w.Deaf != nil {
			t.Errorf("%s: set aside %q, deaf %v", what, aside, w.Deaf)
		}
		if c := code(taker(t, dir, "1ms")); c != 3 {
			t.Errorf("%s: the process that asked exits %d, want 3", what, c)
		}
		if mail, asked, err := w.Read(); mail || !asked || err != nil {
			t.Errorf("%s: mail %v, asked %v, %v", what, mail, asked, err)
		}
		must(t, os.RemoveAll(ask+".bad"))
		must(t, os.Remove(ask))
		must(t, maker(ask))
		must(t, b.ask())
		if _, err := os.Lstat(ask + ".bad"); (err == nil) != (what != "rubbish") || slurp(t, filepath.Join(dir, "victim")) != "mine" {
			t.Errorf("%s: %v, or a link was followed", what, err)
		}
	}
}

// TestAskingNeedsNoRoom: the byte is there before anybody asks, also where an empty file
// was.
func TestAskingNeedsNoRoom(t *testing.T) {
	for what, files := range map[string]map[string]string{"no file": nil, "an empty file": {"vodmr.ask": ""}} {
		b, dir := newBox(t, files)
		w, err := b.Watch()
		if err != nil {
			t.Skip(err)
		}
		defer w.Close()
		for _, when := range []string{"the watch begins", "somebody asked"} {
			if text := slurp(t, dir+"/vodmr.ask"); len(text) != 1 {
				t.Errorf("%s, when %s: it holds %q", what, when, text)
			}
			if _, asked, err := w.Read(); asked != (when == "somebody asked") || err != nil {
				t.Errorf("%s, when %s: asked %v, %v", what, when, asked, err)
			}
			must(t, b.ask())
		}
	}
}

// cannotAsk makes a Maildir in which nobody can ask, whoever he is.
func cannotAsk(t *testing.T, dir string) {
	t.Helper()
	must(t, os.Mkdir(filepath.Join(dir, "vodmr.ask"), 0o700))
	must(t, os.MkdirAll(filepath.Join(dir, "vodmr.ask.bad/full"), 0o700))
}

// TestNobodyCanAsk: the one that stands sees new mail all the same.
func TestNobodyCanAsk(t *testing.T) {
	b, dir := newBox(t, nil)
	cannotAsk(t, dir)
	w, err := b.Watch()
	if err != nil {
		t.Skip(err)
	}
	defer w.Close()
	if text := fmt.Sprint(w.Deaf); !errors.Is(w.Deaf, ErrNotRegular) || !strings.HasPrefix(text, dir+"/vodmr.ask: ") {
		t.Errorf("deaf since %v", w.Deaf)
	}
	write(t, filepath.Join(dir, "new/1.a"), "x")
	if mail, asked := readWatch(t, w); !mail || asked {
		t.Errorf("mail %v, asked %v", mail, asked)
	}
}

// TestTakeOverUnasked: where a session cannot be asked, it is waited for. Once it can
// be, it is asked.
func TestTakeOverUnasked(t *testing.T) {
	b, dir := newBox(t, nil)
	must(t, b.Lock())
	must(t, b.Stand())
	cannotAsk(t, dir)
	other := taker(t, dir, "1m")
	until(t, "it tried", func() bool { return regular(dir + "/vodmr.lock.mend") })
	must(t, os.RemoveAll(dir+"/vodmr.ask.bad"))
	until(t, "it asked", func() bool { return regular(dir + "/vodmr.ask") })
	b.Close()
	if c := code(other); c != 0 {
		t.Errorf("exit %d, want 0", c)
	}
}

func regular(path string) bool {
	st, err := os.Lstat(path)
	return err == nil && st.Mode().IsRegular()
}

// until waits until something is so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

// TestRescan passes over what is known and costs nothing for it.
func TestRescan(t *testing.T) {
	b, _ := newBox(t, map[string]string{"new/1.a": "", "new/2.b": "", "cur/3.c:2,S": "", "cur/4.d:2,": ""})
	var asked []string
	l, err := b.Rescan(func(base []byte) bool {
		asked = append(asked, string(base))
		return bytes.HasPrefix(base, []byte("2")) || bytes.HasPrefix(base, []byte("3"))
	})
	must(t, err)
	defer l.Close()
	var got []string
	for e, ok := l.Next(); ok; e, ok = l.Next() {
		got = append(got, e.Path())
	}
	slices.Sort(asked)
	if want := []string{"new/1.a", "cur/4.d:2,"}; !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
	if want := []string{"1.a", "2.b", "3.c", "4.d"}; !slices.Equal(asked, want) {
		t.Errorf("asked about %q, want %q", asked, want)
	}
}

// TestChangedAndSame: what no Watch sees.
func TestChangedAndSame(t *testing.T) {
	b, dir := newBox(t, nil)
	must(t, os.Chtimes(filepath.Join(dir, "new"), past, past))
	before, err := b.Changed()
	must(t, err)
	write(t, filepath.Join(dir, "new/1.a"), "x")
	if after, err := b.Changed(); err != nil || after == before {
		t.Errorf("Changed is %d before and %d after (%v)", before, after, err)
	}
	if !b.Same() {
		t.Error("the Maildir is not itself")
	}
	must(t, os.Rename(dir, dir+".old"))
	if b.Same() {
		t.Error("it was moved away")
	}
	must(t, Make(dir))
	if b.Same() {
		t.Error("it was made anew")
	}
}

// TestSameLock: a lock whose file lost its name keeps nobody off.
func TestSameLock(t *testing.T) {
	b, dir := newBox(t, nil)
	must(t, b.Lock())
	if !b.Same() {
		t.Error("the lock is not in place")
	}
	lock := filepath.Join(dir, "vodmr.lock")
	must(t, os.Remove(lock))
	if b.Same() {
		t.Error("the lock file was removed")
	}
	if c := tryLock(t, dir); c != 0 {
		t.Fatalf("another process: exit %d, want 0", c)
	}
	if b.Same() {
		t.Error("the lock file was made anew")
	}
}

// TestKeepNotes forgets what is gone, and keeps what must not be sent again.
func TestKeepNotes(t *testing.T) {
	b, _ := newBox(t, nil)
	n, _ := session(t, b, "1", "1.a", "2.b", "3.c")
	n.Kept("1.a", "451 later")
	n.Stays("2.b", "no envelope")
	n.Done("3.c")
	n.Keep(func(base string) bool { return base == "1.a" })
	if n.Of("1.a").Tries != 1 || n.Of("2.b").Reason != "" || !n.Of("3.c").Done {
		t.Errorf("notes: %+v, %+v, %+v", n.Of("1.a"), n.Of("2.b"), n.Of("3.c"))
	}
}

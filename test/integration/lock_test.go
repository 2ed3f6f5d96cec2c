package integration

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// One session a mailbox at a time: the second is told to come later, and is
// served once the first has ended.
func TestSecondSession(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.listen(t)
	inbox := filepath.Join(t.TempDir(), "Maildir")
	s.deliver(t, "ann@sender.test", "for one session only\n", "bob@"+s.domain)

	first := s.turn(t, dial(t, p.addr()))
	second := s.logIn(t, dial(t, p.addr()))
	if reply := second.ask(t, "ATRN"); !strings.HasPrefix(reply, "451 4.3.0") {
		t.Errorf("the second session: got %q, want 451 4.3.0", reply)
	}
	const later = 111
	if code, output := s.atrn(t, p, "-m", inbox); code != later {
		t.Errorf("atrn as the second session exits %d, want %d: %s", code, later, output)
	}
	if len(s.waiting(t)) != 1 || !s.locked(t) {
		t.Error("the first session no longer holds its mail")
	}

	first.say(t, "421 4.3.2 not now")
	if _, err := first.in.ReadString(0); err == nil {
		t.Error("the provider goes on after 421")
	}
	s.ended(t)
	s.mustFetch(t, p, "-m", inbox)
	onceEach(t, s, inbox)
}

// ended waits for the end of a session after its customer has seen it end: until its
// process has ended too, the next one is told to come later.
func (s *site) ended(t testing.TB) {
	t.Helper()
	eventually(t, time.Minute, "the session's lock is free", func() bool { return !s.locked(t) })
}

// locked reports if some process holds the mailbox's lock.
func (s *site) locked(t testing.TB) bool {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(s.maildir(), "vodmr.lock"), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(file.Fd(), unix.F_GETLK, &lock); err != nil {
		t.Fatal(err)
	}
	return lock.Type != unix.F_UNLCK
}

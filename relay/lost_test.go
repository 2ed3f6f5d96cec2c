package relay

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/maildir"
	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// holdLock is another process, which has the mailbox until its standard input ends.
func holdLock(home string) int {
	box, err := maildir.Open(home, "Maildir")
	if err == nil {
		err = box.Lock.Acquire()
	}
	if err != nil {
		return 1
	}
	os.Stdout.WriteString("locked\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// loseLock has the lock forgotten, as a file server does that restarts, and another process
// take it until the end of the test. Closing any descriptor of the file has the effect.
func (s *site) loseLock(t testing.TB) {
	t.Helper()
	for range 100 {
		file, err := os.Open(filepath.Join(s.maildir, "vodmr.lock"))
		require.OK(t, err)
		require.OK(t, file.Close())
		if s.takeLock(t) { // or the session has just asked for it again
			s.lostNotes = s.notes()
			return
		}
	}
	t.Fatal("the lock cannot be taken")
}

// takeLock has another process take the lock.
func (s *site) takeLock(t testing.TB) bool {
	t.Helper()
	self, err := os.Executable()
	require.OK(t, err)
	other := exec.Command(self)
	other.Env = append(os.Environ(), "RELAY_TEST_HOLD="+filepath.Dir(s.maildir))
	in, err := other.StdinPipe()
	require.OK(t, err)
	out, err := other.StdoutPipe()
	require.OK(t, err)
	require.OK(t, other.Start())
	t.Cleanup(func() {
		in.Close()
		_ = other.Wait()
	})
	_, err = io.ReadFull(out, make([]byte, len("locked\n")))
	return err == nil
}

// awaitQuit answers each NOOP that was sent before the session saw that its lock is lost.
func awaitQuit(t testing.TB, conn *dialogue.Conn) {
	t.Helper()
	line := conn.Expect("*")
	for line == "NOOP" {
		conn.Send("250 ok\r\n")
		line = conn.Expect("*")
	}
	if line != "QUIT" {
		t.Errorf("got %q, want QUIT", line)
	}
}

// notes is what vodmr.notes holds; nothing if it is not there.
func (s *site) notes() string {
	text, _ := os.ReadFile(filepath.Join(s.maildir, "vodmr.notes"))
	return string(text)
}

// TestLostLock: a session that another process has taken the lock from ends. It removes,
// notes and bounces nothing more, not even what is under way. An ordinary session learns it
// within VODMR_LOOK seconds, with the customer silent or busy.
func TestLostLock(t *testing.T) {
	require.Time(t)
	const (
		turns = "C: ATRN\nS: 250 *\nC: 220 customer.test\nS: EHLO *\nC: 250 customer.test\n"
		dot   = "C: 250 ok\nS: RCPT *\nC: 250 ok\nS: DATA\nC: 354 go\nS: Received: *\nS: Subject: *\nS:\nS: *\nS: .\n"
		rests = turns + "S: NOOP\nC: 250 ok\n" // or it may yet ask for the lock
		bye   = "D: <quit>\nC: 221 bye\nS: <end>\n"
	)
	for name, test := range map[string]struct {
		mail             int
		look, noop, play string
		left             int
	}{
		"with a NOOP":             {0, "", "1", rests + "D: <lose>\n" + bye, 0},
		"with a look":             {0, "1", "3", rests + "D: <lose>\n" + bye, 0},
		"with new mail":           {0, "", "2", rests + "D: <lose>\nD: new\n" + bye, 1},
		"in a message":            {1, "1", "3600", turns + "S: MAIL *\n" + dot + "D: <lose>\nS: <end>\n", 1},
		"behind a refused one":    {2, "1", "3600", turns + "S: MAIL *\nC: 550 5.7.1 no\nS: RSET\nC: 250 ok\nS: MAIL *\n" + dot + "D: <lose>\nS: <end>\n", 2},
		"ordinary, in a message":  {1, "1", "", turns + "S: MAIL *\n" + dot + "D: <lose>\nS: <end>\n", 1},
		"ordinary, at a greeting": {1, "1", "", "C: ATRN\nS: 250 *\nD: <lose>\nS: <end>\n", 1},
		"ordinary, between two":   {2, "1", "", turns + "S: MAIL *\n" + dot + "C: 250 taken\nS: MAIL *\nD: <lose>\nS: <end>\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits
			s := newSite(t, standardSite(t))
			for key, value := range map[string]string{"VODMR_NOOP": test.noop, "VODMR_LOOK": test.look} {
				s.config[key] = value
			}
			if test.noop != "" {
				s.config["VODMR_IDLE"] = "3600"
			}
			for i := range test.mail {
				s.put(t, i, name+" "+string(rune(65+i)), 20)
			}
			s.files["late/new"] = "Return-Path: <a@b.test>\nDelivered-To: c@example.org\nReceived: x\n\nbody\n"
			log, _ := s.run(t, test.play)
			if !strings.Contains(log, "the mailbox's lock is lost") || !strings.Contains(log, fmt.Sprintf(" end messages=%d ", max(test.mail-test.left, 0))) {
				t.Errorf("the log is\n%s", log)
			}
			if now := s.notes(); now != s.lostNotes {
				t.Errorf("the notes were\n%s\nand are\n%s", s.lostNotes, now)
			}
			s.account(t, &account{taken: map[string]int{}})
			if s.waiting(t) != test.left || strings.Contains(log, " bounce ") {
				t.Errorf("%d files are left, want %d\n%s", s.waiting(t), test.left, log)
			}
		})
	}
}

// TestLocalLock: on a local file system an ordinary session has no reason to ask for its
// lock again.
func TestLocalLock(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.config["look"] = "1ms"
	s.put(t, 0, "local", 20)
	log, _ := s.run(t, `C: ATRN
S: 250 *
C: 220 customer.test
S: EHLO *
C: 250 customer.test
S: MAIL *
D: <lose>
C: 250 ok
S: RCPT *
C: 250 ok
S: DATA
C: 354 go
S: Received: *
S: Subject: *
S:
S: *
S: .
C: 250 taken
S: QUIT
C: 221 bye
S: <end>
`)
	if s.waiting(t) != 0 || !strings.Contains(log, " end messages=1 ") {
		t.Errorf("%d files are left\n%s", s.waiting(t), log)
	}
}

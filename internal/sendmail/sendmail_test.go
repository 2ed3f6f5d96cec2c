package sendmail

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/dialogue"
)

// bin has the stand-in, sendmail.
var bin string

func TestMain(m *testing.M) { os.Exit(dialogue.Main(m, &bin, "vodmr/test/standin/sendmail")) }

const good = "F\x00Tbob@x.test\x00\x00"

// A site is a stand-in's folder and a Mailer that uses it.
type site struct {
	testing.TB
	folder string
	Mailer
}

// newSite makes a site. play is what the stand-in does instead of taking the message.
func newSite(t testing.TB, play string) *site {
	t.Helper()
	s := &site{t, t.TempDir(), Mailer{Program: bin + "/sendmail", Folder: t.TempDir(), Timeout: time.Minute, Grace: time.Minute}}
	s.Environ = Environ([]string{"STANDIN_SENDMAIL=" + s.folder, "QMAILQUEUE=/bin/vodmr-sendmail", "TCPREMOTEIP=192.0.2.1", "HOME=/root"})
	if play != "" {
		if err := os.WriteFile(s.folder+"/play", []byte(play), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// pipeOf is the reading end of a pipe that gets a text, and then its end if closed is true.
func (s *site) pipeOf(text string, closed bool) int {
	s.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { r.Close(); w.Close() })
	go func() {
		_, _ = w.WriteString(text)
		if closed {
			w.Close()
		}
	}()
	return int(r.Fd())
}

func (s *site) take(message, envelope string) (string, error) {
	return s.Take(s.pipeOf(message, true), s.pipeOf(envelope, true))
}

// sent are the files of one kind that the stand-in has made.
func (s *site) sent(kind string) (texts []string) {
	s.Helper()
	found, _ := filepath.Glob(s.folder + "/*." + kind)
	for _, name := range found {
		text, err := os.ReadFile(name)
		if err != nil {
			s.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}

func TestTake(t *testing.T) {
	for _, message := range []string{"", "Subject: x\n\nh\xc3\xa9llo \xff\x00\n.\nFrom x\r\nno end", strings.Repeat("0123456789abcdef\n", 100000)} {
		s := newSite(t, "")
		said, err := s.take(message, "Fjohn doe@s.test\x00Tbob@x.test\x00T-eve@x.test\x00\x00")
		if err != nil || said != "" {
			t.Fatalf("%q, %v", said, err)
		}
		if got := s.sent("message"); len(got) != 1 || got[0] != message {
			t.Errorf("%d messages, %.60q", len(got), got)
		}
		if got := s.sent("arguments"); got[0] != "-i\n-f\n\"john doe\"@s.test\n--\nbob@x.test\n-eve@x.test" {
			t.Errorf("%q", got)
		}
		if got := s.sent("environment"); strings.Contains(got[0], "QMAILQUEUE") || strings.Contains(got[0], "TCPREMOTEIP") || !strings.Contains(got[0], "HOME=/root\nPATH=/") {
			t.Errorf("%q", got)
		}
		if left, _ := filepath.Glob(s.Folder + "/*"); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	}
}

func TestEnvironKeepsPath(t *testing.T) {
	if got := strings.Join(Environ([]string{"PATH=/opt", "VODMR_HOST=x", "LANG=C"}), " "); got != "PATH=/opt LANG=C" {
		t.Errorf("%q", got)
	}
}

// Nothing is sent if message or envelope did not come to its end.
func TestNothingHalfIsSent(t *testing.T) {
	whole := "Fann@s.test\x00Tbob@x.test\x00Teve@x.test\x00\x00"
	for n := range len(whole) {
		s := newSite(t, "")
		_, err := s.take("x", whole[:n])
		if got := code(t, err); got != CodeRead || len(s.sent("message")) > 0 {
			t.Errorf("%d bytes of the envelope: %v, %q", n, err, s.sent("message"))
		}
	}
	dir, err := os.Open(t.TempDir()) // which no read(2) reads
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	s := newSite(t, "")
	if _, err := s.Take(int(dir.Fd()), s.pipeOf(good, true)); code(t, err) != CodeRead {
		t.Errorf("a message that cannot be read: %v", err)
	}
	if _, err := s.Take(s.pipeOf("x", true), int(dir.Fd())); code(t, err) != CodeRead {
		t.Errorf("an envelope that cannot be read: %v", err)
	}
	if got := s.sent("message"); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

func TestSilentWriter(t *testing.T) {
	s := newSite(t, "")
	s.Timeout = 50 * time.Millisecond
	if _, err := s.Take(s.pipeOf("half", false), s.pipeOf(good, true)); code(t, err) != CodeTimeout {
		t.Errorf("message: %v", err)
	}
	if _, err := s.Take(s.pipeOf("x", true), s.pipeOf(good, false)); code(t, err) != CodeTimeout {
		t.Errorf("envelope: %v", err)
	}
	if got := s.sent("message"); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

func TestExitCodes(t *testing.T) {
	want := map[int]int{64: 81, 65: 31, 66: 54, 67: 31, 68: 31, 69: 71, 70: 81, 71: 51, 72: 55, 73: 53, 74: 53, 75: 71, 76: 74, 77: 71, 78: 55, 127: 120}
	for _, verb := range []string{"exit", "unread"} {
		for exit := 1; exit <= 255; exit += 1 + exit/140*20 {
			s := newSite(t, fmt.Sprintf("%s %d", verb, exit))
			_, err := s.take(strings.Repeat("x", 100000), good)
			if got := code(t, err); got != max(want[exit], 0) && !(want[exit] == 0 && got == CodeTemporary) {
				t.Errorf("%s %d: %d, %v", verb, exit, got, err)
			}
		}
	}
	s := newSite(t, "crash")
	if _, err := s.take("x", good); code(t, err) != CodeInternal || !strings.Contains(err.Error(), "killed") {
		t.Errorf("%v", err)
	}
}

func TestWhatItSays(t *testing.T) {
	s := newSite(t, "say 75 no such queue\n")
	if said, err := s.take("x", good); code(t, err) != CodeTemporary || said != "no such queueno such queue" {
		t.Errorf("%q, %v", said, err)
	}
	s = newSite(t, "say 75 "+strings.Repeat("x", 5000))
	if said, err := s.take("x", good); code(t, err) != CodeTemporary || len(said) != 1024 {
		t.Errorf("%d bytes, %v", len(said), err)
	}
}

// gone reports if a process has ended, or is only to be reaped.
func gone(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err == nil {
		_, state, _ := strings.Cut(string(text), ") ")
		return strings.HasPrefix(state, "Z")
	}
	return unix.Kill(pid, 0) == unix.ESRCH
}

// waitFor waits until something has come true.
func (s *site) waitFor(what string, is func() bool) {
	s.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("%s: not within a minute", what)
		}
	}
}

// A sendmail that hangs is killed with all that it has started.
func TestSendmailThatHangs(t *testing.T) {
	for _, play := range []string{"hang", "stubborn"} {
		s := newSite(t, play)
		s.Timeout, s.Grace = 2*time.Second, 200*time.Millisecond
		if _, err := s.take("x", good); code(t, err) != CodeTimeout {
			t.Errorf("%s: %v", play, err)
		}
		text, err := os.ReadFile(s.folder + "/child")
		pid, _ := strconv.Atoi(string(text))
		if err != nil || pid == 0 {
			t.Fatalf("%s: %q, %v", play, text, err)
		}
		s.waitFor(play+": its child ends", func() bool { return gone(pid) })
	}
}

// A signal ends sendmail too, and its exit code decides: if it took the message at the
// last moment, that was a success.
func TestSignal(t *testing.T) {
	for play, want := range map[string]int{"hang": CodeTimeout, "late": 0} {
		s := newSite(t, play)
		result := make(chan error, 1)
		go func() {
			_, err := s.take("x", good)
			result <- err
		}()
		s.waitFor(play+" begins", func() bool { _, err := os.Stat(s.folder + "/child"); return err == nil })
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := <-result; code(t, err) != want || len(s.sent("message")) != map[string]int{"late": 1}[play] {
			t.Errorf("%s: %v, %q", play, err, s.sent("message"))
		}
	}
}

func TestNoSendmail(t *testing.T) {
	s := newSite(t, "")
	for _, program := range []string{"/nonexistent/sendmail", s.folder, s.pathOf("plain", 0o644), s.pathOf("script", 0o755)} {
		s.Program = program
		_, err := s.take("x", good)
		if code(t, err) != CodeNoProgram {
			t.Errorf("%s: %v", program, err)
		}
	}
}

// pathOf makes a file that is no program.
func (s *site) pathOf(name string, mode os.FileMode) string {
	s.Helper()
	path := filepath.Join(s.Folder, name)
	if err := os.WriteFile(path, []byte("#!/nonexistent/interpreter\n"), mode); err != nil {
		s.Fatal(err)
	}
	return path
}

func TestTooManyRecipients(t *testing.T) {
	s := newSite(t, "")
	many := func(n int) string {
		return "F\x00" + strings.Repeat("Tsomebody.with.a.name@example.org\x00", n) + "\x00"
	}
	if _, err := s.take("x", many(40000)); code(t, err) != CodeMemory {
		t.Errorf("%v", err)
	}
	// The kernel counts a pointer for each word too.
	if _, err := s.take("x", "F\x00"+strings.Repeat("Ta\x00", 330000)+"\x00"); code(t, err) != CodeMemory {
		t.Errorf("%v", err)
	}
	if got := s.sent("message"); len(got) > 0 {
		t.Errorf("%d messages were sent to a part", len(got))
	}
	if _, err := s.take("x", many(10000)); err != nil {
		t.Error(err)
	}
}

func TestNoRoom(t *testing.T) {
	s := newSite(t, "")
	s.Folder = "/nonexistent"
	if _, err := s.take("x", good); code(t, err) != CodeWrite {
		t.Errorf("%v", err)
	}
}

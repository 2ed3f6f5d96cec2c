package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/require"
)

// openSmallDoor makes the door on a file system of its own, which has room for so many files
// and for 16 KiB.
func (s *site) openSmallDoor(t testing.TB, files int) string {
	t.Helper()
	door := s.openDoor(t)
	mounted := fmt.Sprintf("size=16k,nr_inodes=%d,mode=2750,uid=%d,gid=%d", files+1, s.owner.uid, lookUpUser(t, "nobody").gid)
	if err := unix.Mount("tmpfs", door, "tmpfs", 0, mounted); err != nil {
		require.Skip(t, "no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(door, unix.MNT_DETACH) })
	return door
}

// fill takes all the room that is left. The function gives it back.
func fill(t testing.TB, door string) (free func()) {
	t.Helper()
	path := filepath.Join(door, ".filled")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for block := make([]byte, 4096); err == nil; {
		_, err = file.Write(block)
	}
	return func() { os.Remove(path) }
}

// TestDoorFull: if the door's folder has no room for the socket, or for what is learnt,
// mail flows, nothing is deferred, and nothing is refused that should not be. What was learnt
// before stays readable.
func TestDoorFull(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T, f *fullDoor){
		"no room for the socket": noRoomForSocket,
		"no room to learn":       noRoomToLearn,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t).standing("VODMR_NOOP=1", "VODMR_ASK=100")
			files := map[bool]int{true: 0, false: 100}[name == "no room for the socket"]
			door := s.openSmallDoor(t, files)
			mx := startPostfix(t, s.domain, knows(s, "bob"), "smtpd_error_sleep_time = 0", "smtpd_hard_error_limit = 1000", "smtpd_soft_error_limit = 1000")
			f := &fullDoor{s, door, startAskingFront(t, s, door), mx, s.listen(t)}
			test(t, f)
		})
	}
}

// A fullDoor is a site whose door's folder is small.
type fullDoor struct {
	*site
	door  string
	front *postfix
	mx    *postfix
	p     *provider
}

func (f *fullDoor) want(t *testing.T, user, reply string) {
	t.Helper()
	if got := rcpt(t, f.front, user+"@"+f.domain); !strings.HasPrefix(got, reply) {
		t.Errorf("%s: the front says %q, want %q", user, got, reply)
	}
}

// session runs a standing session, in which a message is sent first.
func (f *fullDoor) session(t *testing.T, run func()) {
	t.Helper()
	before := len(f.p.lines(t, " stand "))
	done := background(func() (int, string) { return f.atrn(t, f.p, "-s", "127.0.0.1:"+f.mx.port) })
	eventually(t, time.Minute, "the session stands", func() bool { return len(f.p.lines(t, " stand ")) > before })
	f.deliver(t, "ann@sender.test", "one\n", "bob@"+f.domain)
	eventually(t, time.Minute, "it is sent", func() bool { return len(f.waiting(t)) == 0 })
	run()
	f.terminate(t)
	endedWell(t, done)
}

func noRoomForSocket(t *testing.T, f *fullDoor) {
	f.session(t, func() {
		f.want(t, "nobody", "250")
		f.want(t, "bob", "250")
	})
	if n := len(f.p.lines(t, " error ", "unknown recipients are not refused at the front", "no space left")); n == 0 {
		t.Error("the log does not tell of it")
	}
	if left := names(t, f.door); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func noRoomToLearn(t *testing.T, f *fullDoor) {
	f.session(t, func() { f.want(t, "nobody", "550 5.1.1 ") })
	f.want(t, "nobody", "550 5.1.1 ")
	learnt := filepath.Join(f.door, "learnt@"+f.domain)
	free := fill(t, f.door)
	f.session(t, func() { // the file's last block is filled too, and then no more is learnt
		for i := range 90 {
			f.want(t, fmt.Sprintf("%s-%d", strings.Repeat("x", 50), i), "550 5.1.1 ")
		}
		f.want(t, "bob", "250")
	})
	if n := len(f.p.lines(t, " error ", "unknown recipients are not refused at the front", "no space left")); n == 0 {
		t.Error("the log does not tell of it")
	}
	if text := readFile(t, learnt); !strings.HasSuffix(text, "\n") {
		t.Errorf("half a line is left: %q", text[max(0, len(text)-200):])
	}
	f.want(t, "nobody", "550 5.1.1 ")
	f.want(t, "bob", "250")
	f.want(t, strings.Repeat("x", 50)+"-89", "250") // not learnt
	free()
	f.session(t, func() { f.want(t, "later", "550 5.1.1 ") })
	f.want(t, "later", "550 5.1.1 ")
	f.want(t, "nobody", "550 5.1.1 ")
}

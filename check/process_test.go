package check

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vodmr/maildir"
	"vodmr/test/kit/cdbmake"
)

// The test's own program is also the process that holds a lock, or that looks as
// another user.
const (
	holdHome = "CHECK_TEST_HOLD"
	lookRoot = "CHECK_TEST_LOOK"

	holdStanding = "CHECK_TEST_STANDING"
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(holdHome) != "":
		hold(os.Getenv(holdHome))
	case os.Getenv(lookRoot) != "":
		lookAsIs(os.Getenv(lookRoot))
	default:
		os.Exit(m.Run())
	}
}

// hold locks a mailbox until its input ends, as a standing session does.
func hold(home string) {
	var st syscall.Stat_t
	if err := syscall.Stat(home, &st); err != nil {
		fmt.Println(err)
		return
	}
	box, err := maildir.OpenFor(home, "Maildir", st.Uid)
	if err == nil {
		err = box.Lock.Acquire()
	}
	if err == nil && os.Getenv(holdStanding) != "" {
		err = box.Lock.MarkStanding()
	}
	fmt.Println(err)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// lookAsIs looks at a site and prints its lines.
func lookAsIs(root string) {
	c := Config{Dir: root + "/service", Qmail: root + "/qmail", Port: 1, Logins: []string{login}, Out: os.Stdout}
	if _, err := Run(c); err != nil {
		fmt.Println(err)
	}
}

// self is the test's own program.
func self(s *testSite) string {
	path, err := os.Executable()
	s.must(err)
	return path
}

// A session, standing or not, is no fault.
func TestALockedMailboxIsWell(t *testing.T) {
	for _, standing := range []string{"", "1"} {
		s := good(t)
		pid := s.hold(standing)
		if os.Geteuid() == 0 {
			s.must(os.Lchown(s.path(domain+"odmr/Maildir/vodmr.lock"), s.owner, s.owner))
		}
		if diff := cmp.Diff([]string(nil), s.look()); diff != "" {
			t.Error(diff)
		}
		s.allOK()
		if line := fmt.Sprintf("/vodmr.lock: a session is under way, process %d\n", pid); !strings.Contains(s.out.String(), line) {
			t.Errorf("no %q in\n%s", line, s.out.String())
		}
	}
}

// hold has another process hold the mailbox's lock until the test ends.
func (s *testSite) hold(standing string) (pid int) {
	child := exec.Command(self(s))
	child.Env = append(os.Environ(), holdHome+"="+s.path(domain+"odmr"), holdStanding+"="+standing)
	in, err := child.StdinPipe()
	s.must(err)
	out, err := child.StdoutPipe()
	s.must(err)
	s.must(child.Start())
	s.t.Cleanup(func() { in.Close(); _ = child.Wait() })
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "<nil>\n" {
		s.t.Fatalf("the lock: %s", line)
	}
	return child.Process.Pid
}

// If a plain user runs the checks, files that cannot be seen are doubtful, not wrong.
func TestWhatAPlainUserCannotSee(t *testing.T) {
	s := good(t)
	if os.Geteuid() != 0 {
		s.must(os.Chmod(s.path("domains"), 0o000))
		s.must(os.Chmod(s.path("service/cert.pem"), 0o000))
		t.Cleanup(func() { _ = os.Chmod(s.path("domains"), 0o700) })
	}
	s.run("-U vpopmail ", "")
	s.doubts(
		"ROOT/service/cert.pem: cannot be seen by this user (",
		"odmr@example.org: cannot be seen by this user (")
}

// The mailbox of a login of no domain stands only in vodmr-checkpw's file.
func TestAPlainUserAndTheFileOfVodmrCheckpw(t *testing.T) {
	s := good(t)
	s.write("qmail/users/cdb", string(cdbmake.Assign(".\n")), 0o644)
	s.write("bin/vodmr-checkpw", "#!/bin/sh\n", 0o755)
	s.write("service/vpasswd", login+":*:1:0:odmr:$ROOT/domains/example.org/odmr:-:"+secret+"\n", 0o600)
	if os.Geteuid() != 0 {
		s.must(os.Chmod(s.path("service/vpasswd"), 0o000))
	}
	s.run("-U vpopmail ", "", "$ROOT/bin/vchkpw", "$ROOT/bin/vodmr-checkpw vpasswd")
	s.doubts("odmr@example.org: cannot be seen by this user (ROOT/service/vpasswd: permission denied")
}

// doubts runs the checks as a plain user. The report must have these lines as doubtful,
// and nothing as wrong but the port, at which nobody answers.
func (s *testSite) doubts(want ...string) {
	s.t.Helper()
	child := s.plainUser()
	out, err := child.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	text := strings.ReplaceAll(string(out), s.root, "ROOT")
	for _, want := range want {
		if !strings.Contains(text, "\ndoubtful "+want) {
			s.t.Errorf("no %q", want)
		}
	}
	if !strings.Contains(text, "\nroot can see more") {
		s.t.Error("no word of root")
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "wrong ") && !strings.HasPrefix(line, "wrong port 1:") {
			s.t.Errorf("line %q", line)
		}
	}
	if s.t.Failed() {
		s.t.Log(text)
	}
}

// plainUser is a process that looks, and is not root's.
func (s *testSite) plainUser() *exec.Cmd {
	child := exec.Command(self(s))
	if os.Geteuid() == 0 {
		text, err := os.ReadFile(child.Path)
		s.must(err)
		child.Path = s.path("check.test")
		s.must(os.WriteFile(child.Path, text, 0o755))
		child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65533, Gid: 65533}}
	}
	child.Dir = "/"
	child.Env = append(os.Environ(), lookRoot+"="+s.root)
	return child
}

// The checks only read.
func TestNothingIsChanged(t *testing.T) {
	s := good(t)
	s.owned(domain+"odmr/Maildir/new/"+recent(), "rubbish\n", 0o600)
	s.owned(domain+"odmr/Maildir/vodmr.notes", "rubbish", 0o600)
	before := s.tree()
	s.config.Report = true
	s.look()
	if diff := cmp.Diff(before, s.tree()); diff != "" {
		t.Error(diff)
	}
}

// tree lists all files with their modes, sizes and times.
func (s *testSite) tree() (files []string) {
	s.must(filepath.WalkDir(s.root, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err == nil {
			files = append(files, fmt.Sprint(path, info.Mode(), info.Size(), info.ModTime()))
		}
		return err
	}))
	return files
}

// If an odd file stands in the place of a file or folder, the checks run to their end and
// one of them reports it.
func TestForeignFilesDoNotStopIt(t *testing.T) {
	ignored := map[string]bool{ // no check reads these
		"service/log": true, "service/tcp": true, "service/rules": true, "service/env/CONCURRENCY": true,
		domain + "odmr/Maildir/tmp": true, "qmail/queue": true, "qmail/users/assign": true, "service/log/run": true, "empty": true,
		"qmail/queue/lock": true,
	}
	for kind, place := range map[string]func(path string) error{
		"a FIFO":         mkfifo,
		"a link to it":   func(path string) error { return os.Symlink(filepath.Base(path), path) },
		"a link nowhere": func(path string) error { return os.Symlink("/nonexistent/file", path) },
		"a huge file": func(path string) error {
			if err := os.WriteFile(path, nil, 0o755); err != nil {
				return err
			}
			return os.Truncate(path, 1<<40)
		},
	} {
		t.Run(kind, func(t *testing.T) {
			for _, name := range inside(good(t)) {
				s := good(t)
				s.must(os.RemoveAll(s.path(name)))
				s.must(place(s.path(name)))
				s.config.Qmail = s.path("qmail")
				s.config.Report = true
				absent := kind == "a link nowhere" && name == "qmail/control/locals" // to qmail, too
				if lines := s.look(); len(lines) == 0 && !ignored[name] && !absent && !(kind == "a huge file" && strings.HasPrefix(name, "bin/")) {
					t.Errorf("%s is %s: nothing is wrong", name, kind)
				}
			}
		})
	}
}

// inside are all files and folders of a site, but those at its top.
func inside(s *testSite) (list []string) {
	s.must(filepath.WalkDir(s.root, func(path string, _ os.DirEntry, err error) error {
		name := strings.TrimPrefix(strings.TrimPrefix(path, s.root), "/")
		if strings.Contains(name, "/") {
			list = append(list, name)
		}
		return err
	}))
	return list
}

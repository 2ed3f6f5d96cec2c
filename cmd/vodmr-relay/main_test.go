package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"vodmr/internal/verdict"
	"vodmr/test/kit/cdbmake"
	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
	"vodmr/test/kit/testsite"
)

// bin is the folder of what TestMain built.
var bin string

func TestMain(m *testing.M) {
	os.Exit(dialogue.Main(m, &bin, "vodmr/cmd/vodmr-relay", "vodmr/cmd/vodmr-checkpw"))
}

// A mailbox that waits for ATRN, run as its owner or as root.
type mailbox struct {
	home  string
	proof *os.File // where the byte of a right password comes
	cmd   *exec.Cmd
}

// owner is the mailbox's owner when the tests run as root.
const owner = testsite.Owner

func newMailbox(t *testing.T) *mailbox {
	t.Helper()
	root := testsite.PublicDir(t)
	home := filepath.Join(root, "home")
	testsite.Maildir(t, filepath.Join(home, "Maildir"))
	testsite.Write(t, filepath.Join(home, "Maildir/new/1795336645.1.vm"), testsite.Message("a@b.test", "bob@example.org", "body"))
	return mailboxAt(t, root, home)
}

// mailboxAt makes the site of a mailbox that is there already.
func mailboxAt(t *testing.T, root, home string) *mailbox {
	t.Helper()
	makeSite(t, root, home)
	read, write, err := os.Pipe()
	require.OK(t, err)
	t.Cleanup(func() { read.Close() })
	m := &mailbox{home: home, proof: read}
	if os.Getuid() == 0 {
		testsite.Chown(t, home, owner)
	}
	m.cmd = exec.Command(filepath.Join(bin, "vodmr-relay"), "-q", filepath.Join(root, "qmail"))
	m.cmd.ExtraFiles = []*os.File{write} // descriptor 3
	m.cmd.Env = []string{"HOME=" + home, "VPOPUSER=odmr@example.org", "VODMR_AUTHFD=3", "VODMR_HOST=mail.test"}
	return m
}

// makeSite makes root the directory of the domain example.org, the mail of which all goes
// to home, and alias.example another name of it.
func makeSite(t *testing.T, root, home string) {
	t.Helper()
	testsite.Users(t, filepath.Join(root, "qmail"), testsite.Line("example.org", "example.org", testsite.User(), root),
		testsite.Line("alias.example", "example.org", testsite.User(), root))
	testsite.Catchall(t, root, home)
}

// start starts the program and closes what only it needs.
func (m *mailbox) start(t *testing.T) *dialogue.Process {
	p := dialogue.Start(t, m.cmd)
	m.cmd.ExtraFiles[0].Close()
	return p
}

// proved waits for the program's byte, or for its end without one.
func (m *mailbox) proved(t *testing.T) bool {
	return m.verdict(t) == string([]byte{byte(verdict.LoggedIn)})
}

// verdict is what vodmr hears of the login.
func (m *mailbox) verdict(t *testing.T) string {
	require.OK(t, m.proof.SetReadDeadline(time.Now().Add(time.Minute)))
	heard := make([]byte, 2)
	n, _ := m.proof.Read(heard)
	return string(heard[:n])
}

func TestMisuse(t *testing.T) {
	for _, test := range []struct {
		args, env []string
		want      string
	}{
		{[]string{"-z"}, []string{"VODMR_AUTHFD=4"}, `unknown option "-z"`},
		{[]string{"a", "b"}, []string{"VODMR_AUTHFD=4"}, "more than one MAILDIR"},
		{[]string{"-q"}, []string{"VODMR_AUTHFD=4"}, "-q needs a value"},
		{[]string{"-x", "rules.cdb"}, []string{"VODMR_AUTHFD=4"}, "-x needs an absolute path"},
		{[]string{"-q", "./qmail"}, []string{"VODMR_AUTHFD=4"}, "-q needs an absolute path"},
		{[]string{"-x", ""}, []string{"VODMR_AUTHFD=4"}, "-x needs a value"}, // never "no rules"
		{nil, nil, "vodmr is not in front"},
		{nil, []string{"VODMR_AUTHFD="}, "vodmr is not in front"},
		{nil, []string{"VODMR_AUTHFD=1"}, "vodmr is not in front"},
		{nil, []string{"VODMR_AUTHFD=four"}, "vodmr is not in front"},
	} {
		cmd := exec.Command(filepath.Join(bin, "vodmr-relay"), test.args...)
		cmd.Env = append(test.env, "HOME=/")
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != 100 || !dialogue.Match("vodmr-relay: *"+test.want+"*\nusage: vodmr-relay *", string(out)) {
			t.Errorf("%q, %q: exit %d, %q", test.args, test.env, code, out)
		}
	}
}

// TestSession: the byte on the descriptor that vodmr gave, then 235, then all
// the rest.
func TestSession(t *testing.T) {
	m := newMailbox(t)
	p := m.start(t)
	if !m.proved(t) {
		t.Fatal("no byte")
	}
	p.Run(turn + begin + toDot + ok + quit)
	code, log := p.End()
	left, _ := os.ReadDir(filepath.Join(m.home, "Maildir/new"))
	if code != 0 || len(left) != 0 || !strings.Contains(log, " end messages=1 ") {
		t.Errorf("exit %d, %d left, log:\n%s", code, len(left), log)
	}
}

// TestNothingCanBeRemoved: if a message can neither be removed nor noted, none is
// sent, since each session would send it again.
func TestNothingCanBeRemoved(t *testing.T) {
	m := newMailbox(t)
	m.seal(t, "vodmr.lock")
	p := m.start(t)
	p.Run(`
		S: 235 2.7.0 *
		C: ATRN
		S: 451 4.3.0 *
		C: QUIT
		S: 221 *
		S: <end>
	`)
	if code, log := p.End(); code != 0 || !strings.Contains(log, " error error=\"nothing can be removed, nor noted in vodmr.notes: new: permission denied\"\n") {
		t.Errorf("exit %d, log:\n%s", code, log)
	}
}

// TestOnlyNotes: a message that cannot be removed is sent if it can be noted, and once only.
func TestOnlyNotes(t *testing.T) {
	m := newMailbox(t)
	m.seal(t, "vodmr.lock", "vodmr.notes")
	p := m.start(t)
	p.Run(turn + begin + toDot + ok + quit)
	if code, log := p.End(); code != 0 || !strings.Contains(log, " end messages=1 ") {
		t.Errorf("exit %d, log:\n%s", code, log)
	}
	p = m.another(t)
	p.Run(`
		S: 235 2.7.0 *
		C: ATRN
		S: 453 4.2.0 *
		C: QUIT
		S: 221 *
		S: <end>
	`)
	p.End()
}

// seal makes a mailbox of which only the named files can be changed.
func (m *mailbox) seal(t *testing.T, files ...string) {
	t.Helper()
	box := filepath.Join(m.home, "Maildir")
	for _, file := range files {
		require.OK(t, os.WriteFile(filepath.Join(box, file), nil, 0o600))
	}
	if os.Getuid() == 0 {
		testsite.Chown(t, m.home, owner)
	}
	for _, dir := range []string{box + "/new", box + "/cur", box} {
		require.OK(t, os.Chmod(dir, 0o500))
		t.Cleanup(func() { require.OK(t, os.Chmod(dir, 0o700)) })
	}
}

// TestEarlyBytes: what came before 235 is not believed.
func TestEarlyBytes(t *testing.T) {
	t.Parallel()
	m := newMailbox(t)
	m.cmd.Args = append(m.cmd.Args, "Maildir")
	conn, far := dialogue.Pair(t)
	m.cmd.Stdin, m.cmd.Stdout = far, far
	conn.Send("ATRN\r\n")
	require.OK(t, m.cmd.Start())
	far.Close()
	conn.Run("S: 554 5.5.0 *\nS: <end>")
	_ = m.cmd.Wait()
}

// TestClosedDescriptors: a session does not depend on standard error.
func TestClosedDescriptors(t *testing.T) {
	m := newMailbox(t)
	conn, far := dialogue.Pair(t)
	m.cmd = shell(m.cmd, `exec "$0" "$@" 2>&-`)
	m.cmd.Stdin, m.cmd.Stdout = far, far
	require.OK(t, m.cmd.Start())
	far.Close()
	conn.Run("S: 235 *\nC: ATRN other.example\nS: 450 4.7.1 *\nC: QUIT\nS: 221 *\nS: <end>")
	if err := m.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestFewDescriptors: however many there are, a customer with the right password hears
// something, as nobody else will say it.
func TestFewDescriptors(t *testing.T) {
	for limit := 6; limit < 20; limit++ {
		m := newMailbox(t)
		m.cmd = shell(m.cmd, fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, limit))
		if os.Getuid() == 0 { // root looks at more before the verdict
			m.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner, Gid: owner}}
		}
		p := m.start(t)
		if m.proved(t) {
			p.Run("S: * *")
		}
		p.Net().Close()
		p.End()
	}
}

// shell runs a command by a script that says "$0" "$@".
func shell(cmd *exec.Cmd, script string) *exec.Cmd {
	wrapped := exec.Command("/bin/sh", append([]string{"-c", script}, cmd.Args...)...)
	wrapped.Env, wrapped.ExtraFiles = cmd.Env, cmd.ExtraFiles
	return wrapped
}

// TestTrouble: without a HOME to trust the verdict is trouble, so that vodmr says
// 454, and the log says what to do.
func TestTrouble(t *testing.T) {
	for _, test := range []struct {
		name, home, want string
		root             bool
	}{
		{"no HOME", "", "HOME is not set", false},
		{"no such HOME", "/nonexistent/home", "/nonexistent/home", true},
		{"HOME of root", "/", "belongs to root", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.root {
				require.Root(t, "only root gives rights up")
			}
			m := newMailbox(t)
			m.cmd.Env[0] = "HOME=" + test.home
			p := m.start(t)
			if heard := m.verdict(t); heard != string([]byte{byte(verdict.NotTakenOver)}) {
				t.Errorf("vodmr heard %q", heard)
			}
			p.Run("S: <end>")
			if code, log := p.End(); code != 111 || !strings.Contains(log, test.want) {
				t.Errorf("exit %d, log:\n%s", code, log)
			}
		})
	}
}

// TestBecomesOwner: as root it gives up all rights, in all threads, before it
// reads anything of HOME.
func TestBecomesOwner(t *testing.T) {
	require.Root(t, "only root gives rights up")
	if runtime.GOOS != "linux" {
		t.Skip("only Linux shows it in /proc")
	}
	m := newMailbox(t)
	p := m.start(t)
	p.Run("S: 235 *")
	m.runsAs(t, owner)
	p.Run("C: QUIT\nS: 221 *\nS: <end>")
}

// runsAs fails unless all of the program's threads have a user's rights and no others.
func (m *mailbox) runsAs(t *testing.T, uid int) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", m.cmd.Process.Pid))
	require.OK(t, err)
	if len(tasks) == 0 {
		t.Fatal("no threads found")
	}
	ids := fmt.Sprintf("%d\t%[1]d\t%[1]d\t%[1]d", uid)
	for _, task := range tasks {
		status, err := os.ReadFile(task)
		require.OK(t, err)
		for _, want := range []string{"\nUid:\t" + ids, "\nGid:\t" + ids, "\nGroups:\t \n", "\nCapEff:\t0000000000000000\n"} {
			if !strings.Contains(string(status), want) {
				t.Errorf("%s has no %q:\n%s", task, want, status)
			}
		}
	}
}

// TestHomesOwnerDoesNotCount: root becomes the user that users/cdb names, even if HOME belongs to
// another user: that user's mail is not touched. An unknown login makes it nobody.
func TestHomesOwnerDoesNotCount(t *testing.T) {
	require.Root(t, "only root can become another")
	if runtime.GOOS != "linux" {
		t.Skip("only Linux shows it in /proc")
	}
	for login, want := range map[string]struct {
		uid int
		log string
	}{
		"odmr@example.org":   {owner, "it belongs to uid 47111, and the mailbox must belong to uid 47110"},
		"odmr@elsewhere.org": {65534, "does not know the login's domain"},
	} {
		m := newMailbox(t)
		testsite.Chown(t, m.home, owner+1)
		m.cmd.Env = append(m.cmd.Env, "VPOPUSER="+login)
		p := m.start(t)
		p.Run("S: 235 *")
		m.runsAs(t, want.uid)
		p.Run("C: ATRN\nS: 451 4.3.0 *\nC: QUIT\nS: 221 *\nS: <end>")
		if _, log := p.End(); !strings.Contains(log, want.log) {
			t.Errorf("%s: the log does not say %q:\n%s", login, want.log, log)
		}
		if _, err := os.Lstat(filepath.Join(m.home, "Maildir/vodmr.lock")); !os.IsNotExist(err) {
			t.Errorf("%s: something was made in the Maildir: %v", login, err)
		}
	}
}

// TestOpenToWritingByOthers: what others can write to says nothing about who may have
// which mail.
func TestOpenToWritingByOthers(t *testing.T) {
	for name, mode := range map[string]os.FileMode{"qmail/users/cdb": 0o666, "rules.cdb": 0o664, "qmail/control/virtualdomains": 0o646} {
		m := newMailbox(t)
		root := filepath.Dir(m.home)
		require.OK(t, os.MkdirAll(filepath.Join(root, "qmail/control"), 0o755))
		require.OK(t, os.WriteFile(filepath.Join(root, "qmail/control/virtualdomains"), []byte("example.org:example.org\n"), 0o644))
		require.OK(t, os.WriteFile(filepath.Join(root, "rules.cdb"), cdbmake.Rules("@example.org:allow\n"), 0o644))
		require.OK(t, os.Chmod(filepath.Join(root, name), mode))
		m.cmd.Args = append(m.cmd.Args, "-x", filepath.Join(root, "rules.cdb"))
		p := m.start(t)
		p.Run("S: 235 *\nC: ATRN\nS: 451 4.3.0 *\nC: QUIT\nS: 221 *\nS: <end>")
		if _, log := p.End(); !strings.Contains(log, name+" is open to writing by others, so it is not believed: chmod go-w it") {
			t.Errorf("%s: the log does not say so:\n%s", name, log)
		}
	}
}

// TestALinkInThePath: HOME is not opened through a link of the mailbox's own user, though
// the program runs as that user, and its uid may be that of many customers' mailboxes.
func TestALinkInThePath(t *testing.T) {
	for _, place := range []string{"middle", "end"} {
		m := newMailbox(t)
		root := filepath.Dir(m.home)
		own := filepath.Join(root, "own")
		require.OK(t, os.Mkdir(own, 0o755))
		home := filepath.Join(own, "link")
		if place == "end" {
			require.OK(t, os.Symlink(m.home, home))
		} else {
			require.OK(t, os.Symlink(root, home))
			home = filepath.Join(home, "home")
		}
		if os.Getuid() == 0 {
			require.OK(t, os.Chown(own, owner, owner))
			require.OK(t, os.Lchown(filepath.Join(own, "link"), owner, owner))
			m.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner, Gid: owner}}
		}
		m.cmd.Env = append(m.cmd.Env, "HOME="+home)
		p := m.start(t)
		p.Run("S: 235 *\nC: ATRN\nS: 451 4.3.0 *\nC: QUIT\nS: 221 *\nS: <end>")
		_, log := p.End()
		if _, err := os.Lstat(filepath.Join(m.home, "Maildir/vodmr.lock")); !os.IsNotExist(err) || !strings.Contains(log, "is a symbolic link") {
			t.Errorf("%s: %v, log:\n%s", place, err, log)
		}
	}
}

// TestOthersMaildir: a Maildir of another owner, or one behind a symbolic link,
// is not opened.
func TestOthersMaildir(t *testing.T) {
	require.Root(t, "only root can make files of another owner")
	for _, test := range []struct {
		name, want string
		spoil      func(m *mailbox)
	}{
		{"owner", "wrong owner", func(m *mailbox) { require.OK(t, os.Chown(filepath.Join(m.home, "Maildir"), 1, 1)) }},
		{"link", "symbolic link", func(m *mailbox) {
			require.OK(t, os.Rename(filepath.Join(m.home, "Maildir"), filepath.Join(m.home, "elsewhere")))
			require.OK(t, os.Symlink("elsewhere", filepath.Join(m.home, "Maildir")))
		}},
		{"link in new", "symbolic link", func(m *mailbox) {
			require.OK(t, os.Rename(filepath.Join(m.home, "Maildir/new"), filepath.Join(m.home, "elsewhere")))
			require.OK(t, os.Symlink("../elsewhere", filepath.Join(m.home, "Maildir/new")))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newMailbox(t)
			test.spoil(m)
			p := m.start(t)
			p.Run("S: 235 *\nC: ATRN\nS: 451 4.3.0 *\nC: QUIT\nS: 221 *\nS: <end>")
			if _, log := p.End(); !strings.Contains(log, test.want) {
				t.Errorf("the log does not say %q:\n%s", test.want, log)
			}
		})
	}
}

// TestInheritedDescriptors: what others left open is not handed on to
// qmail-queue.
func TestInheritedDescriptors(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux shows descriptors in /proc")
	}
	m := newMailbox(t)
	secret, err := os.Open("/etc/passwd")
	require.OK(t, err)
	defer secret.Close()
	for range 8 {
		m.cmd.ExtraFiles = append(m.cmd.ExtraFiles, secret)
	}
	qmail := filepath.Join(filepath.Dir(m.home), "qmail")
	require.OK(t, os.MkdirAll(filepath.Join(qmail, "bin"), 0o755))
	script := "#!/bin/sh\ncat >/dev/null\nls -l /proc/self/fd >&2\nexit 0\n"
	require.OK(t, os.WriteFile(filepath.Join(qmail, "bin/qmail-queue"), []byte(script), 0o755))
	// The customer's server took mail before, so its refusal bounces.
	require.OK(t, os.WriteFile(filepath.Join(m.home, "Maildir/vodmr.notes"), []byte("1795336700 taken 1\n"), 0o644))
	if os.Getuid() == 0 {
		testsite.Chown(t, m.home, owner)
	}
	p := m.start(t)
	p.Run(`
		S: 235 2.7.0 *
		C: ATRN
		S: 250 2.0.0 *
		C: 220 customer.test
		S: EHLO *
		C: 250 customer.test
		S: MAIL FROM:<a@b.test>
		C: 550 no
		S: QUIT
		C: 221 bye
		S: <end>
	`)
	if _, log := p.End(); strings.Contains(log, "/etc/passwd") || !strings.Contains(log, "/proc/") {
		t.Errorf("qmail-queue's descriptors:\n%s", log)
	}
}

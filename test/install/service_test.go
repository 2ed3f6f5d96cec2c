package install

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/logformat"
	"vodmr/test/kit/require"
)

// patience is the longest wait, on a slow machine.
const patience = time.Minute

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// An office is a provider's machine: a service directory that vodmr-conf made, and
// the mailboxes of customers.
type office struct {
	t        *testing.T
	bin, top string // our programs, and the folder of everything else
	service  string // below top
	address  string
	uid, gid int // owner of the mailboxes
}

const password = "a long secret"

// newOffice makes the service directory as the user that runs the test.
func newOffice(t *testing.T) *office {
	t.Helper()
	for _, name := range []string{"tcpserver", "tcprules", "make"} {
		require.Program(t, name)
	}
	o := &office{t: t, bin: filepath.Join(built(t), "bin"), top: t.TempDir(), uid: os.Getuid(), gid: os.Getgid()}
	if o.uid == 0 {
		o.uid, o.gid = 4711, 4711 // mail of root is not relayed
		for dir := o.top; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			o.must(os.Chmod(dir, 0o755))
		}
		o.must(os.Chmod(filepath.Dir(o.bin), 0o755))
	}
	o.service = filepath.Join(o.top, "vodmr")
	self, err := user.Current()
	o.must(err)
	port := freePort(t)
	o.address = "127.0.0.1:" + port
	must(t, o.top, filepath.Join(o.bin, "vodmr-conf"), "-p", port, self.Username, self.Username, o.service,
		"mail.example.net", "vodmr-checkpw vpasswd", "-q", o.qmail(), "Maildir")
	o.must(os.MkdirAll(filepath.Join(o.qmail(), "control"), 0o755))
	o.write(filepath.Join(o.qmail(), "control/me"), "mail.example.net\n")
	return o
}

func (o *office) qmail() string { return filepath.Join(o.top, "qmail") }

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) write(path, text string) {
	o.t.Helper()
	o.must(os.WriteFile(path, []byte(text), 0o644))
}

func (o *office) add(name, line string) {
	o.t.Helper()
	path := filepath.Join(o.service, name)
	old, err := os.ReadFile(path)
	o.must(err)
	o.must(os.WriteFile(path, []byte(string(old)+line+"\n"), 0o644))
}

// freePort returns a port on which nobody listened a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// customer makes an account with one message, but no rule for it.
func (o *office) customer(domain string) {
	o.t.Helper()
	home := filepath.Join(o.top, "home", domain)
	for _, name := range []string{"tmp", "cur", "new"} {
		o.must(os.MkdirAll(filepath.Join(home, "Maildir", name), 0o755))
	}
	o.write(filepath.Join(home, "Maildir/new/1.1.h"), "Return-Path: <ann@sender.example>\nDelivered-To: bob@"+domain+
		"\nReceived: (qmail 1 invoked from network); 22 Nov 2026 08:37:25 -0000\nSubject: for "+domain+"\n\nhello\n")
	if os.Getuid() == 0 {
		must(o.t, home, "chown", "-R", fmt.Sprintf("%d:%d", o.uid, o.gid), home)
	}
	o.add("vpasswd", fmt.Sprintf("odmr@%s:*:%d:%d:odmr:%s:-:%s", domain, o.uid, o.gid, home, password))
}

// fetch runs atrn, and returns the files of the Maildir that it fills.
func (o *office) fetch(domain string) (fetched []string, log string, err error) {
	o.t.Helper()
	file, box := filepath.Join(o.top, "pw"), filepath.Join(o.top, "fetched-"+domain)
	o.must(os.WriteFile(file, []byte(password+"\n"), 0o600))
	log, err = run(o.top, filepath.Join(o.bin, "atrn"), "-T", "none", "-u", "odmr@"+domain, "-p", file,
		"-d", domain, "-m", box, o.address)
	fetched, _ = filepath.Glob(filepath.Join(box, "new/*"))
	return fetched, log, err
}

// greeted reports if the port answers with a greeting.
func (o *office) greeted() bool {
	conn, err := net.Dial("tcp", o.address)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	line, _ := bufio.NewReader(conn).ReadString('\n')
	return strings.HasPrefix(line, "220 mail.example.net ")
}

// supervised starts a supervisor; stop asks it to end everything, and it must do so.
func (o *office) supervised(cmd *exec.Cmd, stop func()) {
	o.t.Helper()
	log, err := os.Create(filepath.Join(o.top, "supervisor"))
	o.must(err)
	defer log.Close()
	cmd.Dir, cmd.Stdout, cmd.Stderr = o.top, log, log
	o.must(cmd.Start())
	o.t.Cleanup(func() {
		stop()
		_ = cmd.Wait()
		eventually(o.t, "the end of the service", func() bool {
			conn, err := net.Dial("tcp", o.address)
			if err == nil {
				conn.Close()
			}
			return err != nil
		})
		if text, _ := os.ReadFile(log.Name()); o.t.Failed() {
			o.t.Logf("the supervisor: %s", text)
		}
	})
}

// scan makes a folder for svscan.
func (o *office) scan() string {
	o.t.Helper()
	dir := filepath.Join(o.top, "service")
	o.must(os.Mkdir(dir, 0o755))
	o.must(os.Symlink(o.service, filepath.Join(dir, "vodmr")))
	return dir
}

func (o *office) daemontools() {
	svscan, svc, svok := require.Program(o.t, "svscan"), require.Program(o.t, "svc"), require.Program(o.t, "svok")
	require.Program(o.t, "multilog")
	cmd := exec.Command(svscan, o.scan())
	o.supervised(cmd, func() {
		_ = cmd.Process.Kill()
		services := []string{o.service, filepath.Join(o.service, "log")}
		_, _ = run(o.top, append([]string{svc, "-dx"}, services...)...)
		// Until it ends, supervise writes into the folder that is removed next.
		for _, service := range services {
			eventually(o.t, "the end of supervise in "+service, func() bool {
				_, err := run(o.top, svok, service)
				return err != nil
			})
		}
	})
}

// restrictPath gives a command a PATH that contains only these programs and those
// that each script needs, so that no other supervisor is found.
func (o *office) restrictPath(cmd *exec.Cmd, names ...string) *exec.Cmd {
	o.t.Helper()
	dir := filepath.Join(o.top, "path")
	o.must(os.Mkdir(dir, 0o755))
	for _, name := range append(names, "head", "id", "tcpserver") {
		o.must(os.Symlink(require.Program(o.t, name), filepath.Join(dir, name)))
	}
	cmd.Env = []string{"PATH=" + dir}
	return cmd
}

func (o *office) runit() {
	cmd := o.restrictPath(exec.Command(require.Program(o.t, "runsv"), o.service), "chpst", "svlogd")
	o.supervised(cmd, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
}

func (o *office) s6() {
	control := require.Program(o.t, "s6-svscanctl")
	dir := o.scan()
	cmd := o.restrictPath(exec.Command(require.Program(o.t, "s6-svscan"), dir), "s6-supervise", "s6-envdir", "s6-log")
	o.supervised(cmd, func() { _, _ = run(o.top, control, "-t", dir) })
}

// The same run script works under three supervisors. A rule and make let one customer
// in; the other is refused until it has a rule too; and the log records all this.
func TestServiceUnderEachSupervisor(t *testing.T) {
	for name, start := range map[string]func(*office){
		"daemontools": (*office).daemontools, "runit": (*office).runit, "s6": (*office).s6,
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			o.customer("example.org")
			o.customer("example.com")
			o.add("rules", "odmr@example.org:allow")
			must(t, o.service, "make")
			start(o)
			eventually(t, "the greeting", o.greeted)

			if files, log, err := o.fetch("example.org"); err != nil || len(files) != 1 {
				t.Errorf("%v, %q, %s", err, files, log)
			}
			if files, log, err := o.fetch("example.com"); err == nil || len(files) != 0 || !strings.Contains(log, "450 ") {
				t.Errorf("a login without a line: %v, %q, %s", err, files, log)
			}
			o.add("rules", "odmr@example.com:allow")
			must(t, o.service, "make")
			if files, log, err := o.fetch("example.com"); err != nil || len(files) != 1 {
				t.Errorf("a login with a line: %v, %q, %s", err, files, log)
			}
			var kept []byte
			eventually(t, "the log", func() bool {
				kept, _ = os.ReadFile(filepath.Join(o.service, "log/main/current"))
				return strings.Count(string(kept), " end messages=") == 3 && strings.HasSuffix(string(kept), "\n")
			})
			if strings.Count(string(kept), " success ") != 2 {
				t.Errorf("the log: %s", kept)
			}
			logformat.TestKept(t, string(kept))
		})
	}
}

// Before make there are no rules, so nobody is let in.
func TestMadeServiceLetsNobodyIn(t *testing.T) {
	o := newOffice(t)
	o.customer("example.org")
	o.daemontools()
	eventually(t, "tcpserver", func() bool {
		conn, err := net.Dial("tcp", o.address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	if o.greeted() {
		t.Error("a customer was let in without tcp.cdb")
	}
	must(t, o.service, "make")
	eventually(t, "the greeting", o.greeted)
	if files, log, err := o.fetch("example.org"); err == nil || len(files) != 0 {
		t.Errorf("%v, %q, %s", err, files, log)
	}
}

// The files that make writes can be read by other users, even if the administrator's
// umask forbids it.
func TestMadeRulesAreReadable(t *testing.T) {
	o := newOffice(t)
	must(t, o.service, "sh", "-c", "umask 077; make")
	for _, name := range []string{"tcp.cdb", "rules.cdb"} {
		info, err := os.Stat(filepath.Join(o.service, name))
		if err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// The daily service bounces old messages for the logins that the rules let in, and
// for no others.
func TestExpireService(t *testing.T) {
	o := newOffice(t)
	o.must(dialogue.Build(filepath.Join(o.qmail(), "bin"), "vodmr/test/standin/qmail-queue"))
	o.must(os.MkdirAll(filepath.Join(o.qmail(), "queue"), 0o755))
	o.must(os.Chmod(filepath.Join(o.qmail(), "queue"), 0o777))
	for _, domain := range []string{"example.org", "example.com", "example.net"} {
		o.customer(domain)
		box := filepath.Join(o.top, "home", domain, "Maildir")
		must(t, box, "cp", "-p", "new/1.1.h", "vodmr.notes")
		o.must(os.Truncate(filepath.Join(box, "vodmr.notes"), 0))
	}
	o.add("rules", "# odmr@example.net:allow\nodmr@example.org:allow,VODMR_WINDOW=\"1\"\nodmr@example.com:deny")
	// The script is ended after one round; normally it would wait for a day.
	path := filepath.Join(o.top, "path")
	o.must(os.Mkdir(path, 0o755))
	o.must(os.WriteFile(filepath.Join(path, "sleep"), []byte("#!/bin/sh\necho \"slept $*\"\n"), 0o755))
	out := must(t, filepath.Join(o.service, "expire"), "sh", "-c", `PATH="$1:$PATH" exec ./run`, "sh", path)
	logformat.Test(t, out)
	if !strings.Contains(out, " bounce ") || !strings.HasSuffix(out, "slept 86400\n") {
		t.Errorf("it said %q", out)
	}
	left, _ := filepath.Glob(filepath.Join(o.top, "home/*/Maildir/new/*"))
	bounced, _ := filepath.Glob(filepath.Join(o.qmail(), "queue/*.envelope"))
	if len(left) != 2 || strings.Contains(strings.Join(left, " "), "/example.org/") || len(bounced) != 1 {
		t.Errorf("left are %q, bounced %q; it said %q", left, bounced, out)
	}
}

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/logformat"
	"vodmr/test/kit/require"
	"vodmr/test/kit/screen"
	"vodmr/test/kit/testsite"
)

// bin is the folder of what TestMain built.
var bin string

func TestMain(m *testing.M) { os.Exit(dialogue.Main(m, &bin, "vodmr/cmd/vodmr-qread")) }

// list runs the program on the site below root.
func list(t *testing.T, root string, args ...string) (out, log string, code int) {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd := exec.Command(filepath.Join(bin, "vodmr-qread"), args...)
	cmd.Dir, cmd.Env = root, []string{}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	logformat.Test(t, stderr.String())
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

func TestMisuse(t *testing.T) {
	for _, args := range [][]string{{}, {"-z", "x"}, {"-q"}, {"-j"}, {"-q", "/x"}, {"-q", "qmail", "/x"}, {"--"}} {
		out, log, code := list(t, "/", args...)
		if code != 100 || out != "" || !strings.HasPrefix(log, "vodmr-qread: ") || !strings.Contains(log, "\nusage: ") {
			t.Errorf("%q: exit %d, %q, %q", args, code, out, log)
		}
	}
}

// box are messages of each kind, and what was noted of them.
func box(now int64) map[string]string {
	at := func(ago int64, rest string) string { return fmt.Sprintf("%d.%s", now-ago, rest) }
	return map[string]string{
		"new/" + at(530000, "1.vm,S=90"): testsite.Message("ann@sender.test", "bob@example.org", "one"),
		"cur/" + at(270000, "2.vm:2,S"):  testsite.Message("", "Eve\x1b[2J@example.org", "control character"),
		"new/" + at(180000, "3.vm"):      testsite.Message("#@[]", "eve@example.org", "three"),
		"new/" + at(98000, "4.vm"):       "no envelope\n",
		"new/" + at(90000, "5.vm"):       testsite.Message("m\xe9@sender.test", `a\b@example.org`, "five"),
		"vodmr.notes": fmt.Sprintf("%d kept %s 2 %d 451 4.2.0 la%%1Bter\n%d broke %s 3\n%d sess",
			now-500, at(530000, "1.vm,S=90"), now-9000, now-400, at(180000, "3.vm"), now),
	}
}

func TestTheList(t *testing.T) {
	now := time.Now().Unix()
	root, maildir := testsite.New(t, box(now))
	want := fmt.Sprintf(`%s
     age   size tries  sender recipient file: remark
   6d03h     78     2  <ann@sender.test> <bob@example.org> new/%d.1.vm,S=90: 451 4.2.0 la\x1bter
   3d03h     81     0  ? ? cur/%d.2.vm:2,S: no envelope: Delivered-To holds a control character
   2d02h     69     0  <#@[]> <eve@example.org> new/%d.3.vm: broke 3 sessions
   1d03h     12     0  ? ? new/%d.4.vm: no envelope: neither Return-Path nor Delivered-To above the first Received
   1d01h     78     0  <m\xe9@sender.test> <"a\\\\b"@example.org> new/%d.5.vm
total: 5 messages, 318 bytes, the oldest 6d03h, 1 tried, 2 unreadable
`, maildir, now-530000, now-270000, now-180000, now-98000, now-90000)
	for _, args := range [][]string{{"odmr@example.org"}, {"ODMR@alias.example"}, {maildir}, {"domain/odmr/Maildir"}, {"./domain/odmr/Maildir/"}} {
		out, log, code := list(t, root, append([]string{"-q", root + "/qmail", "--"}, args...)...)
		if diff := cmp.Diff(want, out); diff != "" || log != "" || code != 0 {
			t.Errorf("%q: exit %d, %q, (-want +got)\n%s", args, code, log, diff)
		}
	}
}

// TestScreen: vodmr-qread(8) shows a list as it is.
func TestScreen(t *testing.T) {
	now := time.Now().Unix()
	long := testsite.Message("ann@sender.test", "bob@example.org", strings.Repeat("0123456789\n", 8930))
	later := fmt.Sprintf("new/%d.7.mail", now-4020)
	root, maildir := testsite.New(t, map[string]string{
		fmt.Sprintf("new/%d.101.mail", now-532900): long, later: testsite.Message("", "eve@example.org", strings.Repeat("x", 2980)),
		"vodmr.notes": fmt.Sprintf("%d kept %s 2 %d 451 4.2.0 later\n%d sess", now-500, strings.TrimPrefix(later, "new/"), now-900, now),
	})
	out, log, code := list(t, root, "-q", root+"/qmail", "odmr@example.org")
	if log != "" || code != 0 {
		t.Errorf("exit %d, %q", code, log)
	}
	out = strings.ReplaceAll(out, maildir, "/home/vpopmail/domains/example.org/odmr/Maildir")
	screen.Hold(t, "../..", "vodmr-qread.8", out, `[0-9]{10}`)
}

// TestJSON: the keys are those that the manual page promises, in each object.
func TestJSON(t *testing.T) {
	now := time.Now().Unix()
	root, maildir := testsite.New(t, box(now))
	out, log, code := list(t, root, "-j", "-q", root+"/qmail", "odmr@example.org", maildir)
	if log != "" || code != 0 {
		t.Fatalf("exit %d, %q", code, log)
	}
	var objects []map[string]any
	for line := range strings.Lines(out) {
		var o map[string]any
		require.OK(t, json.Unmarshal([]byte(line), &o))
		if o["age"] != nil {
			o["age"] = float64(now - int64(o["time"].(float64)))
		}
		if o["oldest"] != nil {
			o["oldest"] = 530000.0
		}
		objects = append(objects, o)
	}
	if len(objects) != 13 {
		t.Fatalf("%d objects:\n%s", len(objects), out)
	}
	first := map[string]any{
		"type": "message", "maildir": maildir, "file": fmt.Sprintf("new/%d.1.vm,S=90", now-530000),
		"time": float64(now - 530000), "age": 530000.0, "size": 78.0,
		"sender": "ann@sender.test", "recipient": "bob@example.org",
		"tries": 2.0, "first": float64(now - 9000), "last": float64(now - 500), "reply": "451 4.2.0 la\x1bter",
		"breaks": 0.0, "taken": false, "reason": "",
	}
	total := map[string]any{"type": "total", "login": "odmr@example.org", "maildir": maildir, "maildirs": 1.0,
		"messages": 5.0, "bytes": 318.0, "oldest": 530000.0, "tried": 1.0, "unreadable": 2.0}
	overall := map[string]any{"type": "overall", "login": "", "maildir": "", "maildirs": 2.0,
		"messages": 10.0, "bytes": 636.0, "oldest": 530000.0, "tried": 2.0, "unreadable": 4.0}
	if diff := cmp.Diff([]map[string]any{first, total, overall}, []map[string]any{objects[0], objects[5], objects[12]}); diff != "" {
		t.Error(diff)
	}
	for _, o := range objects[:5] {
		if len(o) != len(first) {
			t.Errorf("not all keys: %v", o)
		}
	}
}

// TestMetrics: the lines of one metric stand together, each Maildir has one, and what
// cannot be listed is counted.
func TestMetrics(t *testing.T) {
	now := time.Now().Unix()
	files := box(now)
	files["vodmr.notes"] = fmt.Sprintf("%d taken 1\n%d bounced 3\n%d refused 12\n%d end\n", now-90, now-80, now-70, now-60)
	root, maildir := testsite.New(t, files)
	out, log, code := list(t, root, "-m", "-q", root+"/qmail", "odmr@example.org", "nobody@elsewhere.test")
	if code != 100 || !strings.Contains(log, "no such login") {
		t.Errorf("exit %d, %q", code, log)
	}
	labels := `{login="odmr@example.org",maildir="` + maildir + `"} `
	for _, want := range []string{
		"# TYPE vodmr_messages gauge\nvodmr_messages" + labels + "5\n",
		"vodmr_bytes" + labels + "318\n",
		"vodmr_unreadable" + labels + "2\n",
		"vodmr_standing" + labels + "0\n",
		"vodmr_refusing" + labels + "1\n",
		"vodmr_bounced" + labels + "3\n",
		`vodmr_failed{argument="nobody@elsewhere.test"} 1` + "\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("there is no %q in\n%s", want, out)
		}
	}
	metric := regexp.MustCompile(`^(# HELP vodmr_\w+ .+|# TYPE vodmr_\w+ gauge|vodmr_\w+\{[^{}\n]+\} \d+)$`)
	for line := range strings.Lines(out) {
		if !metric.MatchString(strings.TrimSuffix(line, "\n")) {
			t.Errorf("this is no line of the format: %q", line)
		}
	}
}

// TestMetricsOfAStandingSession: the lock tells that there is one.
func TestMetricsOfAStandingSession(t *testing.T) {
	root, maildir := testsite.New(t, map[string]string{"vodmr.lock": ""})
	holder := exec.Command("python3", "-c", `
import fcntl, sys
f = open(sys.argv[1], "r+")
fcntl.lockf(f, fcntl.LOCK_EX, 1)
print("held", flush=True)
sys.stdin.read()`, filepath.Join(maildir, "vodmr.lock"))
	require.Program(t, "python3")
	in, err := holder.StdinPipe()
	require.OK(t, err)
	out, err := holder.StdoutPipe()
	require.OK(t, err)
	require.OK(t, holder.Start())
	_, err = out.Read(make([]byte, 5))
	require.OK(t, err)
	text, _, code := list(t, root, "-m", "-q", root+"/qmail", maildir)
	if code != 0 || !strings.Contains(text, `vodmr_standing{login="",maildir="`+maildir+"\"} 1\n") {
		t.Errorf("exit %d\n%s", code, text)
	}
	in.Close()
	require.OK(t, holder.Wait())
}

// TestNoOutputSteersATerminal: whatever a sender, a file's name or a server's reply
// holds, only printable characters are written, and JSON's reader gets what was meant.
func TestNoOutputSteersATerminal(t *testing.T) {
	const steering = "\u009b2J\u202egnp\u2028\u2066\u200b\u00ad\U000e0041"
	at := time.Now().Unix() - 1000
	root, maildir := testsite.New(t, map[string]string{
		fmt.Sprintf("new/%d.1%s.vm", at, steering):     testsite.Message("m\u00fcller"+steering+"@sender.test", "b\u00f6b"+steering+"@example.org", "one"),
		fmt.Sprintf("new/%d.2\x7f%s.vm", at, steering): "no envelope\n",
	})
	steers := func(c rune) bool { return c != '\n' && !unicode.IsPrint(c) }
	text, _, _ := list(t, root, "-q", root+"/qmail", maildir)
	if i := strings.IndexFunc(text, steers); i >= 0 || text == "" {
		t.Errorf("the list has %+q", text[max(i, 0):])
	}
	lines, _, _ := list(t, root, "-j", "-q", root+"/qmail", maildir)
	if i := strings.IndexFunc(lines, steers); i >= 0 || !strings.Contains(lines, "m\u00fcller") {
		t.Errorf("the JSON has %+q", lines[max(i, 0):])
	}
	var first struct{ File, Sender, Recipient string }
	require.OK(t, json.NewDecoder(strings.NewReader(lines)).Decode(&first))
	want := struct{ File, Sender, Recipient string }{
		fmt.Sprintf("new/%d.1%s.vm", at, steering), "m\u00fcller" + steering + "@sender.test", "b\u00f6b" + steering + "@example.org",
	}
	if first != want {
		t.Errorf("JSON's reader gets %+q, want %+q", first, want)
	}
}

// TestWhatCannotBeListed: each is told, and the others are listed all the same.
func TestWhatCannotBeListed(t *testing.T) {
	root, maildir := testsite.New(t, map[string]string{"new/1.x": testsite.Message("a@b.test", "c@example.org", "x")})
	for _, test := range []struct {
		arg, want string
		code      int
	}{
		{"nobody@elsewhere.test", "no such login", 100},
		{"..@example.org", "no such login", 100},
		{"@example.org", "no such login", 100},
		{"no-such-user-here", "no such login", 100},
		{"", "no such login", 100},
		{"gone@example.org", "no such", 100},
		{"./elsewhere", "no such", 100},
		{filepath.Join(maildir, "new/1.x"), "a file or a symbolic link", 100},
		{root + "/", "no such directory", 100},
	} {
		out, log, code := list(t, root, "-q", root+"/qmail", test.arg, maildir)
		if code != test.code || !strings.HasPrefix(log, "vodmr-qread: ") || !strings.Contains(log, test.want) {
			t.Errorf("%q: exit %d, %q", test.arg, code, log)
		}
		if !strings.Contains(out, "<a@b.test> <c@example.org> new/1.x") || !strings.Contains(out, "\noverall: 1 Maildirs, 1 messages") {
			t.Errorf("%q: the other was not listed:\n%s", test.arg, out)
		}
	}
}

// TestSystemUser: a login is looked for in the home of the system user of that name, or of
// the user that virtualdomains gives its domain to.
func TestSystemUser(t *testing.T) {
	root, _ := testsite.New(t, nil)
	u, err := user.Lookup("root")
	require.OK(t, err)
	for _, arg := range []string{"x@plain.example", "root"} {
		// If there is a Maildir, and if it can be read, is the machine's own affair.
		out, log, _ := list(t, root, "-q", root+"/qmail", arg)
		if !strings.Contains(out+log, u.HomeDir) || strings.Contains(log, "no such login") {
			t.Errorf("%s: not in the home of the system user: %q, %q", arg, out, log)
		}
	}
}

// TestNothingChanges: a list leaves every byte, whatever it meets, and makes nothing.
func TestNothingChanges(t *testing.T) {
	for _, notes := range []string{"", "rubbish\n", "1795000000 session 1\n1795000000 kept a 1 17"} {
		files := box(time.Now().Unix())
		files["vodmr.notes"] = notes
		root, maildir := testsite.New(t, files)
		before := testsite.Tree(t, root)
		_, log, code := list(t, root, "-q", root+"/qmail", maildir, "odmr@example.org")
		if diff := cmp.Diff(before, testsite.Tree(t, root)); diff != "" || code != 0 {
			t.Errorf("%q: exit %d, changed:\n%s", notes, code, diff)
		}
		if logged := strings.Contains(log, "it holds no notes"); logged != (notes == "rubbish\n") {
			t.Errorf("%q: %q", notes, log)
		}
	}
}

// TestAsRoot: each Maildir is read with the rights of its owner, and the next one's
// owner is another.
func TestAsRoot(t *testing.T) {
	require.Root(t, "only root can take another's rights")
	root, maildir := testsite.New(t, map[string]string{"new/1.x": testsite.Message("a@b.test", "c@example.org", "x")})
	other := filepath.Join(root, "other/Maildir")
	testsite.Maildir(t, other)
	testsite.Write(t, filepath.Join(other, "new/2.x"), testsite.Message("d@b.test", "e@example.org", "x"))
	testsite.Chown(t, filepath.Join(root, "domain/odmr"), 47110)
	testsite.Chown(t, filepath.Join(root, "other"), 47111)
	require.OK(t, os.Chown(filepath.Join(root, "other"), 0, 0))
	require.OK(t, os.Chmod(maildir, 0o700))
	require.OK(t, os.Chmod(other, 0o700))
	require.OK(t, os.Symlink(other, filepath.Join(root, "domain/linked")))
	out, log, code := list(t, root, "-q", root+"/qmail", "odmr@example.org", other, maildir)
	if strings.Count(out, "total: 1 messages") != 3 || log != "" || code != 0 {
		t.Errorf("exit %d, %q\n%s", code, log, out)
	}
	require.OK(t, os.Chown(filepath.Join(other, "new/2.x"), 47110, 47110))
	if out, _, _ := list(t, root, other); !strings.Contains(out, "? ? new/2.x") || strings.Contains(out, "d@b.test") {
		t.Errorf("another user's file was read:\n%s", out)
	}
}

// TestAsAnotherUser: the error names who may look, and never gives advice about owners.
func TestAsAnotherUser(t *testing.T) {
	require.Root(t, "only root can become two users")
	root, maildir := testsite.New(t, nil)
	testsite.Chown(t, filepath.Join(root, "domain/odmr"), 47110)
	for _, mode := range []os.FileMode{0o700, 0o755} {
		require.OK(t, os.Chmod(maildir, mode))
		cmd := exec.Command(filepath.Join(bin, "vodmr-qread"), "-q", root+"/qmail", "odmr@example.org")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 47111, Gid: 47111}}
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != 100 || !strings.Contains(string(out), "run this as root or as its owner") || strings.Contains(string(out), "chown") {
			t.Errorf("mode %o: exit %d, %s", mode, code, out)
		}
	}
}

// TestMistypedLogin: a login that the site's vpasswd does not have is an error.
func TestMistypedLogin(t *testing.T) {
	root, _ := testsite.New(t, nil)
	testsite.Write(t, root+"/qmail/control/virtualdomains", "shop.example:root\n")
	testsite.Write(t, root+"/qmail/vpasswd", "odmr@shop.example:*:1:1:x:"+root+"/box:NOQUOTA:s\n")
	require.OK(t, os.Chmod(root+"/qmail/vpasswd", 0o600))
	out, log, code := list(t, root, "-q", root+"/qmail", "odmx@shop.example")
	if code != 100 || out != "" || !strings.Contains(log, "no such login: "+root+"/qmail/vpasswd has no odmx@shop.example") {
		t.Errorf("exit %d, %q, %q", code, log, out)
	}
}

// TestMTA: the mail server is the one in the environment, or that of the service in the home of
// the control files; an unknown one is misuse.
func TestMTA(t *testing.T) {
	root, _ := testsite.New(t, map[string]string{
		"new/1795885022.M908232P20.front": "Return-path: <ann@sender.test>\nEnvelope-to: \"john doe\"@example.org\nDelivery-date: x\nReceived: x\n\nbody\n",
	})
	out, log, code := list(t, root, "-q", root+"/qmail", "odmr@example.org")
	if code != 0 || log != "" || !strings.Contains(out, "? ?") || strings.Contains(out, "john doe") {
		t.Errorf("as qmail's: exit %d, %q\n%s", code, log, out)
	}
	testsite.Write(t, root+"/qmail/env/VODMR_MTA", "exim\n")
	out, log, code = list(t, root, "-q", root+"/qmail", "odmr@example.org")
	if code != 0 || log != "" || !strings.Contains(out, `<ann@sender.test> <"john doe"@example.org> new/1795885022.M908232P20.front`) {
		t.Errorf("as Exim's: exit %d, %q\n%s", code, log, out)
	}
	testsite.Write(t, root+"/qmail/env/VODMR_MTA", "exim4\n")
	if out, log, code = list(t, root, "-q", root+"/qmail", "odmr@example.org"); code != 100 || out != "" || !strings.Contains(log, "one of qmail, postfix, exim") {
		t.Errorf("an unknown one: exit %d, %q, %q", code, log, out)
	}
}

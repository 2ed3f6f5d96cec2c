package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vodmr/test/kit/require"
)

// fake are accounts that a test can have under any user. If a file is really given to
// them, the numbers are our own.
func fake(self int) accounts {
	all := map[string]*ids{"root": {0, 0}, "vpopmail": {89, 89}, "qmaill": {91, 91}, "vodmrtls": {92, 92}, "vodmr": {93, 93}, "me": {1000, 1000}}
	return accounts{self: self, lookup: func(name string) (*ids, error) {
		if found := all[name]; found != nil {
			return found, nil
		}
		return nil, errors.New("unknown")
	}}
}

// planned is the service of a command line, and its error.
func planned(t *testing.T, self int, line string) (*service, error) {
	t.Helper()
	o, err := parseOptions(strings.Fields(line))
	if err != nil {
		return nil, err
	}
	return plan(o, fake(self), "/usr/local/bin/")
}

// text is a file of a service, as it would be written.
func text(t *testing.T, s *service, name string) string {
	t.Helper()
	s.Dir = filepath.Join(t.TempDir(), "made")
	s.owner, s.logOwner = nil, nil // only root could give them something
	if err := s.create(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(s.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// command is the last command of a script, in one line.
func command(script string) string {
	i := strings.LastIndex(script, "\nexec ")
	return strings.Join(strings.Fields(strings.ReplaceAll(script[i+1:], "\\\n", " ")), " ")
}

func TestRunScript(t *testing.T) {
	const start = `exec $envdir tcpserver -vRHl0 -x tcp.cdb -c"${concurrency:-40}" `
	const relay = ` /usr/local/bin/vodmr-relay -x "$PWD/rules.cdb" `
	for _, test := range []struct {
		name string
		self int
		line string
		want string
	}{
		{"vpopmail", 0, "vpopmail qmaill /d mail.example.net",
			`0 366 /usr/local/bin/vodmr -U vpopmail mail.example.net /home/vpopmail/bin/vchkpw` + relay + "Maildir"},
		{"root", 0, "-p1366 root qmaill /d h",
			`0 1366 /usr/local/bin/vodmr h /home/vpopmail/bin/vchkpw` + relay + "Maildir"},
		{"STARTTLS", 0, "-s vpopmail qmaill /d h",
			`0 366 /usr/local/bin/vodmr-tls -s -u vodmrtls /usr/local/bin/vodmr -T -U vpopmail h /home/vpopmail/bin/vchkpw` + relay + "Maildir"},
		{"TLS on connect", 0, "-t -c /etc/key.pem -u qmaill root qmaill /d h",
			`0 366 /usr/local/bin/vodmr-tls -c /etc/key.pem -u qmaill /usr/local/bin/vodmr -T h /home/vpopmail/bin/vchkpw` + relay + "Maildir"},
		{"another user", 1000, "-s me me /d h /bin/checkpassword -q /opt/qmail ./box",
			`0 366 /usr/local/bin/vodmr-tls -s /usr/local/bin/vodmr -T h /bin/checkpassword` + relay + "-q /opt/qmail ./box"},
		{"customers' keys", 1000, "-s me me /d h vodmr-checkpw",
			`0 366 /usr/local/bin/vodmr-tls -s -a any /usr/local/bin/vodmr -T h /usr/local/bin/vodmr-checkpw` + relay + "Maildir"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := planned(t, test.self, test.line)
			if err != nil {
				t.Fatal(err)
			}
			script := text(t, s, "run")
			if got := command(script); got != start+test.want {
				t.Errorf("got  %s\nwant %s", got, start+test.want)
			}
		})
	}
}

func TestCheckpasswordWithArguments(t *testing.T) {
	o, err := parseOptions([]string{"root", "qmaill", "/d", "h", "vodmr-checkpw vpasswd"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := plan(o, fake(0), "/usr/local/bin/")
	if err != nil {
		t.Fatal(err)
	}
	if got := command(text(t, s, "run")); !strings.Contains(got, " h /usr/local/bin/vodmr-checkpw vpasswd /usr/local/bin/vodmr-relay ") {
		t.Error(got)
	}
	info, err := os.Stat(filepath.Join(s.Dir, "vpasswd"))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("vpasswd: %v, %v", info, err)
	}
}

func TestWrongArguments(t *testing.T) {
	for _, test := range []struct {
		self       int
		line, want string
	}{
		{0, "root qmaill /d", "ACCT, LOGACCT, DIR and HOST are needed"},
		{0, "-x root qmaill /d h", `unknown option "-x"`},
		{0, "-p 0 root qmaill /d h", "option -p: it takes a whole number from 1 to 65535"},
		{0, "-p 65536 root qmaill /d h", "option -p: it takes a whole number from 1 to 65535"},
		{0, "-p x root qmaill /d h", "option -p: it takes a whole number from 1 to 65535"},
		{0, "-p", "needs a value"},
		{0, "-s -t root qmaill /d h", "make two services"},
		{0, "-c /x root qmaill /d h", "say -s or -t"},
		{0, "-s -c x root qmaill /d h", "must begin with /"},
		{0, "-s -c /$(x) root qmaill /d h", "a shell takes"},
		{0, "-m sendmail root qmaill /d h", `VODMR_MTA is "sendmail": it must be one of qmail, postfix`},
		{0, "root qmaill d h", "must begin with /"},
		{0, "root qmaill /d h x -x y Maildir", "option -x: the rules are rules.cdb in DIR: leave it out"},
		{0, "root qmaill /d h x -q qmail Maildir", "-q needs an absolute path"},
		{0, "root qmaill /d h x -z", `unknown option "-z"`},
		{0, "root qmaill /d h x one two", "one MAILDIR"},
		{0, "root qmaill /d h x -q./qmail", "-q needs an absolute path"},
		{0, "root qmaill /d$(x) h", "a shell takes"},
		{0, "root qmaill /d h;x", "no host name"},
		{0, "root qmaill -t", "ACCT, LOGACCT, DIR and HOST are needed"},
		{0, "-- -s qmaill /d h", `ACCT: there is no account "-s"`},
		{0, "root qmaill /d -z h", `unknown option "-z"`},
		{0, "root qmaill /d h-", "no host name"},
		{0, "root qmaill /d h $x", "a shell takes"},
		{0, "root qmaill /d h x Mail'dir", "a shell takes"},
		{0, "none qmaill /d h", `ACCT: there is no account "none"`},
		{0, "root none /d h", `LOGACCT: there is no account "none"`},
		{0, "-s -u none root qmaill /d h", `-u: there is no account "none"`},
		{0, "-s -u root vpopmail qmaill /d h", "not root's"},
		{0, "-t -u vpopmail vpopmail qmaill /d h", "must not run as ACCT"},
		{0, "-t -u vodmr vpopmail qmaill /d h", "-u: vodmr talks to the network as vodmr"},
		{0, "vodmr qmaill /d h", "ACCT: vodmr is the account that talks to the network"},
		{1000, "vpopmail me /d h", "ACCT: only root"},
		{1000, "me qmaill /d h", "LOGACCT: only root"},
	} {
		if _, err := planned(t, test.self, test.line); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.line, err, test.want)
		}
	}
}

// Options may stand behind words up to CHECKPASSWORD; behind that they are vodmr-relay's.
func TestOptionsBehindWords(t *testing.T) {
	s, err := planned(t, 0, "root qmaill -p 99 /d h -s vchkpw -q /q box")
	if err != nil || s.Port != 99 || !s.STARTTLS || s.Qmail != "/q" || s.Maildir != "box" {
		t.Errorf("%+v, %v", s, err)
	}
}

// The service for old mail uses the same qmail, and reports a login without an account.
func TestExpireScript(t *testing.T) {
	self, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	for name, script := range map[string]string{
		"envdir": `shift; exec "$@"`, "vodmr-expire": `echo "ran $*"`, "sleep": ":",
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ check, want string }{
		{"vodmr-checkpw vpasswd", "ran -q /opt/qmail -x DIR/rules.cdb -- /home/odmr/box\nexpire: vpasswd has no eve@example.org\nran -q /opt/qmail -x DIR/rules.cdb -- /home/key/box\n"},
		{"vchkpw", "ran -q /opt/qmail -x DIR/rules.cdb -- odmr@example.org\nran -q /opt/qmail -x DIR/rules.cdb -- eve@example.org\nran -q /opt/qmail -x DIR/rules.cdb -- key@example.org\n"},
	} {
		o, err := parseOptions([]string{self.Username, self.Username, "/d", "h", test.check, "-q/opt/qmail", "box"})
		if err != nil {
			t.Fatal(err)
		}
		s, err := plan(o, systemAccounts(), bin+"/")
		if err != nil {
			t.Fatal(err)
		}
		text(t, s, "run")
		for name, more := range map[string]string{
			"rules":   "odmr@example.org:allow\n#not@example.org:allow\neve@example.org:allow,X=\"1\"\nkey@example.org:allow\nbob@example.org:deny\n@example.com:allow\n:deny\n",
			"vpasswd": "ODMR@example.org:*:1:1:x:/home/odmr:-:secret\nkey@example.org:sha256:A,sha256:B:1:1:x:/home/key:-:\n",
		} {
			if err := os.WriteFile(filepath.Join(s.Dir, name), []byte(more), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("sh", "./run")
		cmd.Dir = filepath.Join(s.Dir, "expire")
		cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH")}
		want := strings.ReplaceAll(test.want, "DIR", s.Dir)
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("%s: %v, %q, want %q", test.check, err, out, want)
		}
	}
}

// tree are the names and modes below a folder, and the texts in short.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			found[strings.TrimPrefix(path, dir)] = info.Mode().String()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestTree(t *testing.T) {
	s, err := planned(t, 0, "root root /d h")
	if err != nil {
		t.Fatal(err)
	}
	text(t, s, "run")
	const script, plain = "-rwxr-xr-x", "-rw-r--r--"
	service, folder := "dgtrwxr-xr-x", "dgrwxr-xr-x"
	if os.Geteuid() != 0 {
		service, folder = "dtrwxr-xr-x", "drwxr-xr-x"
	}
	want := map[string]string{
		"": service, "/run": script, "/tcp": plain, "/rules": plain, "/Makefile": plain,
		"/env": folder, "/env/CONCURRENCY": plain, "/env/GOMAXPROCS": plain,
		"/log": folder, "/log/run": script, "/log/main": folder,
		"/expire": service, "/expire/run": script,
		"/expire/log": folder, "/expire/log/run": script, "/expire/log/main": folder,
	}
	if diff := cmp.Diff(want, tree(t, s.Dir)); diff != "" {
		t.Errorf("-want, +made:\n%s", diff)
	}
}

// -m is a setting of the service, for all its programs.
func TestMTA(t *testing.T) {
	s, err := planned(t, 0, "-m postfix root root /d h")
	if err != nil {
		t.Fatal(err)
	}
	text(t, s, "run")
	setting, err := os.ReadFile(filepath.Join(s.Dir, "env/VODMR_MTA"))
	if err != nil || string(setting) != "postfix\n" {
		t.Errorf("%q, %v", setting, err)
	}
}

// Each script is one that sh understands, in all the forms that it can have.
func TestScriptsParse(t *testing.T) {
	for _, line := range []string{
		"vpopmail qmaill /d h", "root root /d h", "-s vpopmail qmaill /d h", "-t root root /d h x -q /q y",
	} {
		s, err := planned(t, 0, line)
		if err != nil {
			t.Fatal(err)
		}
		text(t, s, "run")
		for _, script := range []string{"run", "log/run", "expire/run", "expire/log/run"} {
			if out, err := exec.Command("sh", "-n", filepath.Join(s.Dir, script)).CombinedOutput(); err != nil {
				t.Errorf("%s: %s: %v, %s", line, script, err, out)
			}
		}
	}
}

// A directory that is there stays as it is. If one cannot be made whole, it is removed.
func TestAllOrNothing(t *testing.T) {
	s, err := planned(t, 0, "root root /d h")
	if err != nil {
		t.Fatal(err)
	}
	s.Dir = t.TempDir()
	if err := s.create(); !errors.Is(err, errThere) || len(tree(t, s.Dir)) != 1 {
		t.Errorf("%v, %v", err, tree(t, s.Dir))
	}
	s.Dir = filepath.Join(s.Dir, "new")
	s.Vpasswd = "rules" // there would be two
	if err := s.create(); !errors.Is(err, os.ErrExist) {
		t.Error(err)
	}
	if _, err := os.Lstat(s.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it left something: %v", err)
	}
}

func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	self, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	me := self.Username
	there := filepath.Join(dir, "vodmr")
	for _, test := range []struct {
		args []string
		code int
	}{
		{[]string{me, me, there, "mail.example.net", "sh"}, 0},
		{[]string{me, me, there, "mail.example.net", "sh"}, 100},
		{[]string{me, me}, 100},
		{[]string{me, me, filepath.Join(dir, "none/vodmr"), "h", "sh"}, 111},
	} {
		if code := run(test.args); code != test.code {
			t.Errorf("%q: exit %d, want %d", test.args, code, test.code)
		}
	}
}

func TestOwners(t *testing.T) {
	require.Root(t, "to give something away")
	dir := filepath.Join(t.TempDir(), "vodmr")
	if code := run([]string{"-f", "nobody", "daemon", dir, "h", "vodmr-checkpw vpasswd"}); code != 0 {
		t.Fatal(code)
	}
	for name, owner := range map[string]string{
		"": "root", "rules": "root", "log": "root", "log/main": "daemon", "expire/log/main": "daemon", "vpasswd": "nobody",
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		uid := strconv.Itoa(int(info.Sys().(*syscall.Stat_t).Uid))
		if want, err := user.Lookup(owner); err != nil || uid != want.Uid {
			t.Errorf("%s: uid %s, want %s's, %v", name, uid, owner, err)
		}
	}
	if mode := tree(t, dir)["/log/main"]; mode != "dgrwxr-xr-x" {
		t.Errorf("a new owner took a bit away: %s", mode)
	}
}

// TestDoor: the folder has the Maildirs' owner and the group that may ask, and a mode that
// nobody else can use.
func TestDoor(t *testing.T) {
	for line, wrong := range map[string]string{
		"-o vpopmail vpopmail qmaill /x mail.x":            "say -g too",
		"-g vodmrdoor root qmaill /x mail.x":               "say -o OWNER",
		"-g vodmrdoor -o nobody2 root qmaill /x mail.x":    "no account",
		"-g a;b -o vpopmail root qmaill /x mail.x":         "characters",
		"-g vodmrdoor -o vpopmail root qmaill /x mail.x":   "",
		"-g vodmrdoor vpopmail qmaill /x mail.x /bin/true": "",
	} {
		_, err := planned(t, 0, line)
		if wrong == "" && err != nil || wrong != "" && (err == nil || !strings.Contains(err.Error(), wrong)) {
			t.Errorf("%s: %v, want %q", line, err, wrong)
		}
	}
	if _, err := planned(t, 1000, "-g vodmrdoor me me /x mail.x"); err == nil {
		t.Error("a door without root")
	}
	require.Root(t, "only root can make the door")
	s, err := planned(t, 0, "-g daemon vpopmail qmaill /x mail.x")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := text(t, s, "env/VODMR_DOOR"), s.Dir+"/door\n"; got != want {
		t.Errorf("VODMR_DOOR is %q, want %q", got, want)
	}
	gid, err := groupID("daemon")
	st, err2 := os.Stat(filepath.Join(s.Dir, "door"))
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	owner := st.Sys().(*syscall.Stat_t)
	if st.Mode() != os.ModeDir|os.ModeSetgid|0o750 || owner.Uid != 89 || int(owner.Gid) != gid {
		t.Errorf("the door is %v of %d:%d", st.Mode(), owner.Uid, owner.Gid)
	}
}

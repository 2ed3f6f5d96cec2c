package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/require"
)

// The process that tcpserver started is the checkpassword program after a login was tried,
// and its exit code is that program's. Only what is written to descriptor 4 tells what
// became of the login: vodmr does not see the code.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	const refused = "535 5.7.8 login or password refused"
	const trouble = "454 4.7.0 your login cannot be checked now, try later"
	for name, test := range map[string]struct {
		script, reply string
		code          int
	}{
		"refusal":                       {`exit 1`, refused, 1},
		"vchkpw's refusal":              {`exit 3`, refused, 3},
		"its own trouble":               {`exit 111`, refused, 111},
		"ends well and says nothing":    {`exit 0`, refused, 0},
		"crash":                         {`kill -SEGV $$`, refused, -1},
		"closes descriptor 4":           {`exec 4>&-; cat <&3 >/dev/null; exit 1`, refused, 1},
		"a trouble of ours":             {`printf '\002' >&4; exit 111`, trouble, 111},
		"a login":                       {`printf '\000' >&4; printf '235 welcome\r\n'; exit 7`, "235 welcome", 7},
		"a login by another byte":       {`printf x >&4; printf '235 welcome\r\n'; exit 1`, "235 welcome", 1},
		"a login and then a crash":      {`printf '\000' >&4; printf '235 welcome\r\n'; kill -KILL $$`, "235 welcome", -1},
		"a login with descriptors left": {`printf '\000' >&4; printf '235 welcome\r\n'; exec 4>&-; exit 0`, "235 welcome", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := overSocket(t, nil, vodmr("mail.example.net", "sh", "-c", test.script)...)
			s.Run(`S: 220 *`)
			s.Login("odmr@example.org", "tanstaaf")
			s.Run("S: " + test.reply + "\nS: <end>")
			if code, log := s.end(); code != test.code {
				t.Errorf("exit code %d, want %d: %s", code, test.code, log)
			}
		})
	}
}

// A logged-in session is one process: the keeper became the program, and the talker has
// ended once there was a verdict.
func TestTalkerEndsWithTheVerdict(t *testing.T) {
	const program = `printf '\000' >&4; printf '235 %s %s\r\n' $$ $VODMR_TALKER; read line; exit 0`
	s := overSocket(t, nil, vodmr("mail.example.net", "sh", "-c", program)...)
	s.Run(`S: 220 *`)
	s.Login("odmr@example.org", "tanstaaf")
	words := strings.Fields(s.Expect("235 * *"))
	talker, err := strconv.Atoi(words[2])
	if err != nil {
		t.Fatal(err)
	}
	// Its log is the same pipe as the program's: the line of the login is its last.
	waitForEnd(t, talker)
	s.Run("C: bye\nS: <end>")
	code, log := s.end()
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	matchLines(t, log, `vodmr: `+words[1]+` login user=odmr@example.org mechanism=CRAM-MD5 ip=127.0.0.1`)
}

// waitForEnd waits until a process is no more than a zombie, which its parent, a shell in
// this test, does not reap.
func waitForEnd(t *testing.T, pid int) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 60000)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n != 1 {
			t.Fatalf("process %d is still there: %v", pid, err)
		}
		return
	}
}

// The talker has no rights: the account that -u names, or vodmr, or nobody; the empty root
// folder; and no descriptor but the customer, the log and two pipes.
func TestTalkerIsConfined(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become another user")
	}
	s := overSocket(t, nil, vodmr("-u", "daemon", "mail.example.net", "true")...)
	s.Run(`S: 220 *`)
	pid := childOf(t, s.pid())
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Uid:\t1\t1\t1\t1", "Gid:\t1\t1\t1\t1", "Groups:\t \n", "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "NoNewPrivs:\t1"} {
		if !strings.Contains(string(status), want) {
			t.Errorf("no %q in\n%s", want, status)
		}
	}
	if root, err := os.Readlink("/proc/" + pid + "/root"); err != nil || root != "/var/empty" {
		t.Errorf("root folder %s, %v", root, err)
	}
	open, err := filepath.Glob("/proc/" + pid + "/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range open {
		target, _ := os.Readlink(fd)
		number, _ := strconv.Atoi(filepath.Base(fd))
		if number > 4 && !strings.HasPrefix(target, "anon_inode:") {
			t.Errorf("descriptor %d is %s", number, target)
		}
	}
	s.Run("C: QUIT\nS: 221 *\nS: <end>")
	if code, log := s.end(); code != 0 {
		t.Errorf("exit code %d: %s", code, log)
	}
}

// childOf finds the only child of a process.
func childOf(t *testing.T, pid int) string {
	t.Helper()
	name := "/proc/" + strconv.Itoa(pid)
	lists, err := filepath.Glob(name + "/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	children := ""
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			t.Fatal(err)
		}
		children += string(text)
	}
	found := strings.Fields(children)
	if len(found) != 1 {
		t.Fatalf("children of %d: %q", pid, children)
	}
	return found[0]
}

func TestTalkerWithoutAnAccount(t *testing.T) {
	for account, reason := range map[string]string{"no-such-account": "account no-such-account: *", "root": "account root is root: *"} {
		if os.Geteuid() != 0 {
			reason = "cannot become *: not started as root"
		}
		s := overSocket(t, nil, vodmr("-u", account, "mail.example.net", "true")...)
		s.ExpectEnd()
		code, log := s.end()
		if code != 111 {
			t.Errorf("%s: exit code %d", account, code)
		}
		matchLines(t, log, `vodmr: * error ip=127.0.0.1 error="`+reason+`"`)
	}
}

// Behind -U the checkpassword program has that account, and no other group. Up to the login
// nothing that reads from the customer has it: the talker has one of its own, and the keeper
// stays root.
func TestProgramsAccount(t *testing.T) {
	require.Root(t, "to become other users")
	const shown = `printf '\000' >&4; printf '235 %s %s %s\r\n' $(id -u) $(id -g) "$(id -G)"; read line`
	s := overSocket(t, nil, vodmr("-u", "nobody", "-U", "daemon", "mail.example.net", "sh", "-c", shown)...)
	s.Run(`S: 220 *`)
	keeper := require.File(t, "/proc/"+strconv.Itoa(s.pid())+"/status")
	if !strings.Contains(keeper, "Uid:\t0\t0\t0\t0") {
		t.Errorf("the keeper is not root any more:\n%s", keeper)
	}
	talker := require.File(t, "/proc/"+childOf(t, s.pid())+"/status")
	if !strings.Contains(talker, "Uid:\t65534\t65534\t65534\t65534") || !strings.Contains(talker, "Seccomp:\t2") {
		t.Errorf("the talker is not an account's, or may send signals:\n%s", talker)
	}
	s.Login("odmr@example.org", "tanstaaf")
	s.Run("S: 235 1 1 1\nC: bye\nS: <end>")
	s.end()
}

// An account that would give strangers the rights of the mailboxes' owner is refused.
func TestOneAccountForBoth(t *testing.T) {
	require.Root(t, "to become other users")
	s := overSocket(t, nil, vodmr("-u", "daemon", "-U", "daemon", "mail.example.net", "true")...)
	s.ExpectEnd()
	code, log := s.end()
	if code != 111 {
		t.Errorf("exit code %d", code)
	}
	matchLines(t, log, `vodmr: * error ip=127.0.0.1 error="account daemon is that of -U: *"`)
}

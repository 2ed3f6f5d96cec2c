package main

import (
	"encoding/base64"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// relay stands in for vodmr-relay: it proves the login, says what it finds, and
// ends with an exit code of its own.
const relay = `printf x >&4
printf '235 2.7.0 welcome\r\n'
for v in TCPLOCALPORT VODMR_AUTHFD VODMR_HOST VODMR_SESSION VPOPUSER USER HOME SHELL SSLCTLFD; do
	eval "printf '%s=%s\r\n' $v \"\${$v-unset}\""
done
read line
printf 'said %s\n' "$line"
exit 7`

// relayUID is a user that vodmr-checkpw may become: this one, or any as root.
func relayUID() string {
	if uid := os.Getuid(); uid != 0 {
		return strconv.Itoa(uid)
	}
	return "65534"
}

// accounts writes a vpasswd file with one account.
func accounts(t *testing.T, folder, name string) (file string) {
	t.Helper()
	file = filepath.Join(folder, "vpasswd")
	line := name + "::" + relayUID() + ":65534:odmr:/srv/odmr:NOQUOTA:tanstaaftanstaaf\n"
	if os.Getuid() != 0 {
		line = strings.Replace(line, ":65534:", ":"+strconv.Itoa(os.Getgid())+":", 1)
	}
	if err := os.WriteFile(file, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// eachWay runs a test over a socket and over TCP.
func eachWay(t *testing.T, test func(*testing.T, func(*testing.T, []string, ...string) server)) {
	t.Run("socket", func(t *testing.T) { test(t, overSocket) })
	t.Run("tcpserver", func(t *testing.T) { test(t, overTCP) })
}

func TestLoginHandsOver(t *testing.T) {
	eachWay(t, func(t *testing.T, serve func(*testing.T, []string, ...string) server) {
		file := accounts(t, t.TempDir(), "odmr@example.org")
		s := serve(t, []string{"VPOPUSER=stale", "SSLCTLFD=9", "VODMR_AUTHFD=9"},
			vodmr("mail.example.net", bin+"/vodmr-checkpw", file, "sh", "-c", relay)...)
		s.Run(`
			S: 220 mail.example.net *
			C: EHLO customer.example
			S: 250-mail.example.net
			S: 250-ENHANCEDSTATUSCODES
			S: 250-AUTH CRAM-MD5
			S: 250 ATRN
		`)
		s.Login("ODMR@example.org", "tanstaaftanstaaf")
		s.Run(`
			S: 235 2.7.0 welcome
			S: TCPLOCALPORT=587
			S: VODMR_AUTHFD=4
			S: VODMR_HOST=mail.example.net
			S: VODMR_SESSION=*
			S: VPOPUSER=ODMR@example.org
			S: USER=odmr
			S: HOME=/srv/odmr
			S: SHELL=NOLOGIN
			S: SSLCTLFD=unset
			C: ATRN
			S: said ATRN
			S: <end>
		`)
		code, log := s.end()
		if code != 7 {
			t.Errorf("exit code %d, want the relay's 7", code)
		}
		// Under tcpserver the talker may log after the process that tcpserver counts has ended.
		if s.pid != nil {
			matchLines(t, log, `vodmr: * login user=ODMR@example.org mechanism=CRAM-MD5 ip=127.0.0.1`)
		}
	})
}

func TestRefusedOverEachWay(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, serve func(*testing.T, []string, ...string) server) {
		file := accounts(t, t.TempDir(), "odmr@example.org")
		s := serve(t, nil, vodmr("mail.example.net", bin+"/vodmr-checkpw", file, "sh", "-c", relay)...)
		s.Run(`S: 220 *`)
		s.Login("odmr@example.org", "a-secret-that-is-wrong")
		s.Run(`
			S: 535 5.7.8 *
			S: <end>
		`)
		if code, log := s.end(); code != 1 || strings.Contains(log, "secret") {
			t.Errorf("exit code %d, log %s", code, log)
		}
	})
}

// The talker says and logs the refusal after the process that tcpserver counts has ended.
func TestRefusalIsLogged(t *testing.T) {
	t.Parallel()
	s := overSocket(t, nil, vodmr("mail.example.net", "sh", "-c", "exit 3")...)
	s.Run(`S: 220 *`)
	s.Login("odmr@example.org", "a-secret-that-is-wrong")
	s.Run(`
		S: 535 5.7.8 *
		S: <end>
	`)
	code, log := s.end()
	if code != 3 {
		t.Errorf("exit code %d, want the program's", code)
	}
	matchLines(t, log,
		`vodmr: * refused user=odmr@example.org mechanism=CRAM-MD5 ip=127.0.0.1 reply="535 5.7.8 *" error="refused by the checkpassword program"`,
		`vodmr: * end ip=127.0.0.1 reason="535 5.7.8 *"`,
	)
}

// TestPasswordsThatOthersMayWrite: the customer is told to come again, right password or
// wrong, and the log says what the administrator must do.
func TestPasswordsThatOthersMayWrite(t *testing.T) {
	file := accounts(t, t.TempDir(), "odmr@example.org")
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	const complaint = `vodmr-checkpw: * error error="*/vpasswd: its mode 0666 lets others write to it: chmod go-w it"`
	const said = `vodmr: * error user=odmr@example.org mechanism=CRAM-MD5 ip=127.0.0.1 reply="454 4.7.0 *" error="*could not check the password"`
	for _, password := range []string{"tanstaaftanstaaf", "wrong"} {
		s := overSocket(t, nil, vodmr("mail.example.net", bin+"/vodmr-checkpw", file, "sh", "-c", relay)...)
		s.Run(`S: 220 *`)
		s.Login("odmr@example.org", password)
		s.Run(`
			S: 454 4.7.0 *
			S: <end>
		`)
		_, log := s.end()
		matchLines(t, log, complaint, said, `vodmr: * end ip=127.0.0.1 reason="454 4.7.0 *"`)
	}
}

// vchkpwDomains makes the folder that the stand-in for vchkpw looks in.
func vchkpwDomains(t *testing.T, name string) (setting string) {
	t.Helper()
	folder := t.TempDir()
	domain := filepath.Join(folder, "example.org")
	if err := os.Mkdir(domain, 0o755); err != nil {
		t.Fatal(err)
	}
	// vpopmail's fourth field holds flags, of which there are none here.
	line := name + "::1:0:odmr:/srv/odmr:NOQUOTA:tanstaaftanstaaf\n"
	if err := os.WriteFile(filepath.Join(domain, "vpasswd"), []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	return "VCHKPW_DOMAINS=" + folder
}

// A long name of this host and a login that just fits: vchkpw must still see
// the whole challenge.
func TestVchkpwSeesWholeCredentials(t *testing.T) {
	name := strings.Repeat("n", 64-len("@example.org"))
	s := overSocket(t, []string{vchkpwDomains(t, name)},
		vodmr(strings.Repeat("long-", 40)+"host.example.net", bin+"/vchkpw", "sh", "-c", relay)...)
	s.Run(`S: 220 *`)
	s.Login(name+"@example.org", "tanstaaftanstaaf")
	s.Run(`S: 235 2.7.0 welcome`)
}

// As many bytes as vodmr-checkpw takes, a customer may log in with: what vchkpw keeps
// binds only CRAM-MD5.
func TestCheckpwTakesALongPassword(t *testing.T) {
	t.Parallel()
	const login = "odmr@example.org"
	folder := t.TempDir()
	file := accounts(t, folder, login)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("s", 512-len(login)-len("\x00\x00\x00"))
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), "tanstaaftanstaaf", long, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for password, reply := range map[string]string{
		long:       "235 2.7.0 welcome",
		long[1:]:   "535 5.7.8 *",
		long + "s": "535 5.7.8 *",
	} {
		s := overSocket(t, []string{"SSL_PROTOCOL=TLSv1.3"},
			vodmr("mail.example.net", bin+"/vodmr-checkpw", file, "sh", "-c", relay)...)
		s.Run(`S: 220 *`)
		s.Send("AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+login+"\x00"+password)) + "\r\n")
		s.Expect(reply)
	}
}

// The port is what makes vchkpw check CRAM-MD5.
func TestPortForVchkpw(t *testing.T) {
	t.Parallel()
	setting := vchkpwDomains(t, "odmr")
	for _, test := range []struct{ option, reply string }{
		{"-p587", "235 *"},
		{"-p25", "235 *"},
		{"-p366", "535 *"},
		{"-p0", "535 *"},
	} {
		s := overSocket(t, []string{setting, "TCPLOCALPORT=366"},
			vodmr(test.option, "mail.example.net", bin+"/vchkpw", "sh", "-c", relay)...)
		s.Run(`S: 220 *`)
		s.Login("odmr%example.org", "tanstaaftanstaaf")
		s.Expect(test.reply)
	}
}

func TestOuterSessionName(t *testing.T) {
	s := overSocket(t, []string{"VODMR_SESSION=4711"},
		vodmr("h", "sh", "-c", `printf x >&4; printf '%s\r\n' $VODMR_SESSION`)...)
	s.Run(`S: 220 *`)
	s.Login("odmr", "x")
	s.Run(`
		S: 4711
		S: <end>
	`)
	_, log := s.end()
	matchLines(t, log, `vodmr: 4711 login *`)
}

// The customer sees the end of the session when the program behind vodmr closes
// the connection, even if that program goes on.
func TestVodmrLetsGoOfTheConnection(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	s := overSocket(t, nil, vodmr("h", "sh", "-c",
		`printf x >&4; printf 'bye\r\n'; exec <&- >&-; read x <$0; exit 3`, fifo)...)
	s.Run(`S: 220 *`)
	s.Login("odmr", "x")
	s.Run(`
		S: bye
		S: <end>
	`)
	if err := os.WriteFile(fifo, []byte("go on\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _ := s.end(); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
}

func TestProgramThatDoesNotExist(t *testing.T) {
	t.Parallel()
	s := overSocket(t, nil, vodmr("h", "/nonexistent/vchkpw", "true")...)
	s.Run(`S: 220 *`)
	s.Login("odmr", "x")
	s.Run(`
		S: 454 4.7.0 *
		S: <end>
	`)
	_, log := s.end()
	matchLines(t, log,
		`vodmr: * error ip=127.0.0.1 error="/nonexistent/vchkpw: no such file or directory"`,
		`vodmr: * error user=odmr * reply="454 4.7.0 *" error="the checkpassword program could not be run"`,
		`vodmr: * end *`,
	)
}

// A program that hangs is killed when the session's time is over. Until then even a
// busy machine has come to the password.
func TestProgramThatHangs(t *testing.T) {
	require.Time(t)
	t.Parallel()
	s := overSocket(t, nil, vodmr("-t", "5", "h", "sleep", "100")...)
	s.Run(`S: 220 *`)
	s.Login("odmr", "x")
	s.Run(`
		S: 454 4.7.0 *
		S: <end>
	`)
	code, log := s.end()
	if code != -1 {
		t.Errorf("exit code %d, want an end by SIGALRM", code)
	}
	matchLines(t, log,
		`vodmr: * error user=odmr * error="the checkpassword program did not answer in time"`,
		`vodmr: * end * reason="454 4.7.0 *"`,
	)
}

func TestSessionWithoutLoginEnds(t *testing.T) {
	t.Parallel()
	s := overSocket(t, nil, vodmr("-t", "1", "h", "true")...)
	s.Run(`
		S: 220 *
		S: 421 4.4.2 *
		S: <end>
	`)
	code, log := s.end()
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	matchLines(t, log, `vodmr: * end ip=127.0.0.1 reason="421 4.4.2 *"`)
}

// A core file would hold secrets.
func TestNoCoreFiles(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &limit); err != nil || limit.Max == 0 {
		t.Skip("core files are off anyway")
	}
	s := overSocket(t, nil, append([]string{"sh", "-c", `ulimit -S -c $(ulimit -H -c); exec "$@"`, "sh"},
		vodmr("h", "sh", "-c", `printf x >&4; printf 'core %s %s\r\n' $(ulimit -S -c) $(ulimit -H -c)`)...)...)
	s.Run(`S: 220 *`)
	s.Login("odmr", "x")
	s.Run(`S: core 0 0`)
}

func TestStandardErrorClosed(t *testing.T) {
	s := overSocket(t, nil, append([]string{"sh", "-c", `exec "$@" 2>&-`, "sh"},
		vodmr("h", "sh", "-c", `printf x >&4; printf '235 hi\r\n'; exit 5`)...)...)
	s.Run(`S: 220 *`)
	s.Login("odmr", "x")
	s.Run(`S: 235 hi`)
	if code, _ := s.end(); code != 5 {
		t.Errorf("exit code %d, want 5", code)
	}
}

// Descriptors 0 and 1 may be two pipes.
func TestOverPipes(t *testing.T) {
	cmd := exec.Command(bin+"/vodmr", "h", "true")
	cmd.Stdin = strings.NewReader("NOOP\r\nQUIT\r\n")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	matchLines(t, strings.ReplaceAll(string(out), "\r", ""), "220 h *", "250 2.0.0 ok", "221 2.0.0 h goodbye")
}

func TestCustomerHangsUp(t *testing.T) {
	s := overSocket(t, nil, vodmr("h", "true")...)
	s.Run(`
		S: 220 *
		C: AUTH CRAM-MD5
		S: 334 *
		C: <end>
		S: <end>
	`)
	code, log := s.end()
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	matchLines(t, log, `vodmr: * end ip=127.0.0.1 reason=hangup`)
}

func TestMisuse(t *testing.T) {
	for _, args := range [][]string{nil, {"h"}, {"-x", "h", "p"}, {"-p", "port", "h", "p"}} {
		out, err := exec.Command(bin+"/vodmr", args...).CombinedOutput()
		exit, ok := err.(*exec.ExitError)
		if !ok || exit.ExitCode() != 100 || !dialogue.Match("vodmr: *\nusage: vodmr *\n", string(out)) {
			t.Errorf("%q: %v, %s", args, err, out)
		}
	}
}

// A customer who sends ahead still reads why the session ends. If the socket were closed
// with its bytes unread, TCP would reset the connection, and the reply could be lost.
func TestLastReplyIsHeard(t *testing.T) {
	for name, test := range map[string]struct{ say, want string }{
		"a refused login":           {"AUTH PLAIN AG9kbXJAZXhhbXBsZS5vcmcAeA==\r\n", "554 5.5.0 "},
		"bytes ahead of the answer": {"AUTH CRAM-MD5\r\nRSET\r\n", "554 5.5.0 "},
		"a line that is too long":   {strings.Repeat("x", 20000) + "\r\n", "421 "},
		"too many unknown commands": {strings.Repeat("X\r\n", 10), "421 "},
		"a PROXY header":            {"PROXY TCP4 192.0.2.1 192.0.2.2 1 366\r\n", "554 5.5.0 "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr, end := listen(t, nil, vodmr("-P", "127.0.0.1", "mail.example.net", "false")...)
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			// What follows is more than vodmr reads at a time.
			if _, err := conn.Write([]byte(test.say + strings.Repeat("NOOP\r\n", 10000))); err != nil {
				t.Fatal(err)
			}
			said, err := io.ReadAll(conn)
			if err != nil || !strings.Contains(string(said), test.want) {
				t.Errorf("%q, %v: want %s and the end", said, err, test.want)
			}
			conn.Close()
			end()
		})
	}
}

package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vodmr/relay/spool/history"
	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/logformat"
	"vodmr/test/kit/require"
)

// bin is the folder of the programs that TestMain built.
var bin string

func TestMain(m *testing.M) {
	os.Exit(dialogue.Main(m, &bin, "vodmr/cmd/vodmr-rcpt", "vodmr/test/standin/smtpd", "vodmr/test/faults/inject"))
}

// learnt is a door where nobody@example.org is known not to exist.
func learnt(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	r := history.NewRecipients(dir, "example.org", time.Now)
	require.OK(t, r.SetLogin("odmr@example.org"))
	require.OK(t, r.Refused("nobody@example.org", "no user \\ \"here\""))
	require.OK(t, r.Accepted("bob@example.org"))
	return dir
}

func command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(bin, "vodmr-rcpt"), args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "VODMR_SESSION=4711"}
	return cmd
}

// output runs the program to its end.
func output(t *testing.T, in string, args ...string) (out, log string, code int) {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd := command(args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

func TestMisuse(t *testing.T) {
	for _, args := range [][]string{{}, {"-d", "door", "a@b"}, {"-P", "a@b"}, {"-l", "x", "-P"}, {"-x", "a@b", "-l", "x"}, {"-z"},
		{"-x", "nobody"}, {"-l"}, {"-O", "-P"}} {
		if _, log, code := output(t, "", args...); code != 100 || !strings.HasPrefix(log, "vodmr-rcpt: ") {
			t.Errorf("%q: exit %d, %q", args, code, log)
		}
	}
}

// TestOnce: one answer, in words that a server can say, and an exit code.
func TestOnce(t *testing.T) {
	dir := learnt(t)
	for _, test := range []struct {
		dir, address, out string
		code              int
	}{
		{dir, "nobody@example.org", "550 5.1.1 no user \\ \"here\"\n", 1},
		{dir, "nobody@EXAMPLE.org", "550 5.1.1 no user \\ \"here\"\n", 1},
		{dir, "Nobody@example.org", "250 2.1.5 nobody knows\n", 0},
		{dir, "bob@example.org", "250 2.1.5 the customer's server accepted it before\n", 0},
		{dir, "<nobody@example.org>", "550 5.1.1 no user \\ \"here\"\n", 1},
		{dir, "</bin/true@example.org>", "250 2.1.5 nobody knows\n", 0},
		{dir, "<-x@example.org>", "250 2.1.5 nobody knows\n", 0},
		{dir + "/none", "nobody@example.org", "250 2.1.5 the session did not answer\n", 0},
	} {
		if out, _, code := output(t, "", "-d", test.dir, test.address); out != test.out || code != test.code {
			t.Errorf("%s: %q, exit %d", test.address, out, code)
		}
	}
}

// TestOpenSMTPD: refused by the filter protocol, and logged.
func TestOpenSMTPD(t *testing.T) {
	in := "config|ready\nfilter|0.6|1.2|smtp-in|rcpt-to|s1|t1|nobody@example.org\n"
	out, log, code := output(t, in, "-d", learnt(t), "-O")
	want := "register|filter|smtp-in|rcpt-to\nregister|ready\nfilter-result|s1|t1|reject|550 5.1.1 no user \\ \"here\"\n"
	if out != want || code != 0 || !strings.Contains(log, " refused to=<nobody@example.org> by=learnt ") {
		t.Errorf("%q, %q, exit %d", out, log, code)
	}
}

// TestListAndForget: -l lists by login and by domain, -x forgets.
func TestListAndForget(t *testing.T) {
	dir := learnt(t)
	for _, name := range []string{"odmr@example.org", "Example.org"} {
		out, _, code := output(t, "", "-d", dir, "-l", name)
		lines := strings.Split(out, "\n")
		if code != 0 || len(lines) != 3 || !dialogue.Match("*Z yes bob@example.org", lines[0]) ||
			!strings.Contains(out, "Z no  nobody@example.org: no user ") {
			t.Errorf("%s: exit %d, %q", name, code, out)
		}
	}
	if out, log, code := output(t, "", "-d", dir, "-l", "other@example.org"); code != 1 || out != "" || log == "" {
		t.Errorf("exit %d, %q, %q", code, out, log)
	}
	if _, log, code := output(t, "", "-d", dir, "-x", "nobody@example.org"); code != 0 || log != "" {
		t.Errorf("exit %d, %q", code, log)
	}
	if _, _, code := output(t, "", "-d", dir, "nobody@example.org"); code != 0 {
		t.Errorf("it is still refused")
	}
}

// TestPolicy: Postfix's protocol on one connection; nothing but answers on standard error
// if that is the connection too.
func TestPolicy(t *testing.T) {
	dir := learnt(t)
	request := "protocol_state=RCPT\nrecipient=nobody@example.org\n\n"
	out, log, code := output(t, request+request, "-d", dir, "-P")
	if want := strings.Repeat("action=550 5.1.1 no user \\ \"here\"\n\n", 2); out != want || code != 0 {
		t.Errorf("exit %d, %q", code, out)
	}
	logformat.Test(t, log)
	if strings.Count(log, " refused to=<nobody@example.org> by=learnt ") != 2 {
		t.Errorf("log %q", log)
	}
	same, err := exec.Command("sh", "-c", "printf 'recipient=x\\nprotocol_state=RCPT\\nGET\\n' | "+bin+"/vodmr-rcpt -P -d "+dir+" 2>&1").Output()
	if err == nil || len(same) != 0 {
		t.Errorf("%v, %q", err, same)
	}
}

// server is a shell script in place of qmail-smtpd.
func server(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "smtpd")
	require.OK(t, os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755))
	return path
}

const smtpd = `printf '220 mx\r\n'
while IFS= read -r line; do
	case $line in
	EHLO*) printf '250-mx\r\n250 PIPELINING\r\n' ;;
	DATA*) printf '354 go\r\n'
		while IFS= read -r line && [ "$line" != "$(printf '.\r')" ]; do printf '%s\n' "$line" >>"$0.mail"; done
		printf '250 queued\r\n' ;;
	QUIT*) printf '221 bye\r\n'; exit 17 ;;
	RCPT*nobody*) printf '250 it came through\r\n' ;;
	*) printf '250 ok\r\n' ;;
	esac
done
exit 18
`

// TestFilter: a server that knows nothing refuses recipients that the customer does not have, and its
// exit code is ours.
func TestFilter(t *testing.T) {
	path := server(t, smtpd)
	p := dialogue.Start(t, command("-d", learnt(t), path))
	p.Run("S: 220 mx\nC: EHLO a\nS: 250-mx\nS: 250 PIPELINING\n")
	p.Send("MAIL FROM:<s@x>\r\nRCPT TO:<nobody@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n")
	p.Run("S: 250 ok\nS: 550 5.1.1 no user \\ \"here\"\nS: 250 ok\nS: 354 go\nC: RCPT TO:<nobody@example.org>\nC: .\nS: 250 queued\nC: QUIT\nS: 221 bye\nS: <end>\n")
	code, log := p.End()
	if code != 17 || strings.Count(log, "\n") != 1 || !strings.Contains(log, " refused to=<nobody@example.org> by=learnt ") {
		t.Errorf("exit %d, %q", code, log)
	}
	if mail, _ := os.ReadFile(path + ".mail"); string(mail) != "RCPT TO:<nobody@example.org>\r\n" {
		t.Errorf("the content is %q", mail)
	}
}

// TestFilterClientGone: the server sees the end of a client that hangs up, behind all that it
// said.
func TestFilterClientGone(t *testing.T) {
	path := server(t, "cat >\"$0.got\"; exit 3\n")
	p := dialogue.Start(t, command("-d", learnt(t), path))
	p.Send("EHLO a\r\nNOOP\r\nhalf a li")
	p.CloseWrite()
	if code, log := p.End(); code != 3 || log != "" {
		t.Errorf("exit %d, %q", code, log)
	}
	if got, _ := os.ReadFile(path + ".got"); string(got) != "EHLO a\r\nNOOP\r\n" {
		t.Errorf("the server got %q", got)
	}
}

// TestFilterClientDoesNotWait: the server gets what a client said ahead of a reply, also if
// the client has ended before the reply came.
func TestFilterClientDoesNotWait(t *testing.T) {
	path := server(t, "printf '220 mx\\r\\n'; IFS= read -r data; sleep 0.2; printf '354 go\\r\\n'; cat >\"$0.got\"\n")
	p := dialogue.Start(t, command("-d", learnt(t), path))
	p.Send("DATA\r\ncontent\r\n.\r\nQUIT\r\n")
	p.CloseWrite()
	p.Run("S: 220 mx\nS: 354 go")
	if code, log := p.End(); code != 0 || log != "" {
		t.Errorf("exit %d, %q", code, log)
	}
	if got, _ := os.ReadFile(path + ".got"); string(got) != "content\r\n.\r\nQUIT\r\n" {
		t.Errorf("the server got %q", got)
	}
}

// TestFilterBlind: once the server has begun TLS, all bytes pass, and the log says why
// nothing is refused any more. A server that refuses STARTTLS leaves the filter seeing.
func TestFilterBlind(t *testing.T) {
	const refused = "RCPT TO:<nobody@example.org>\r\n"
	path := server(t, "printf '220 mx\\r\\n'; read -r tls; printf '454 not now\\r\\n'; read -r mail; printf '250 ok\\r\\n'\n"+
		"read -r tls; printf '220 go\\r\\n'; cat >\"$0.got\"; printf '\\026\\003'; exit 4\n")
	p := dialogue.Start(t, command("-d", learnt(t), path))
	p.Run("S: 220 mx\nC: STARTTLS\nS: 454 not now\nC: MAIL FROM:<>\nS: 250 ok")
	p.Send(refused)
	p.Run("S: 550 5.1.1 no user *\nC: STARTTLS\nS: 220 go")
	p.Send("\x16\x03\x01" + refused)
	p.CloseWrite()
	if got := readAll(t, p.Conn); got != "\x16\x03" {
		t.Errorf("the client got %q", got)
	}
	code, log := p.End()
	if lines := strings.Split(log, "\n"); code != 4 || len(lines) != 3 || !strings.Contains(lines[0], " refused ") ||
		!dialogue.Match(`*vodmr-rcpt: 4711 blind reason="the server has begun TLS itself: put TLS in front of vodmr-rcpt"`, lines[1]) {
		t.Errorf("exit %d, %q", code, log)
	}
	if got := require.File(t, path+".got"); got != "\x16\x03\x01"+refused {
		t.Errorf("the server got %q", got)
	}
}

// TestFilterClientCut: if the client ends behind any command, or in it, the server has what it
// said, the client hears each reply to it once, and a message is taken whole or not at all.
func TestFilterClientCut(t *testing.T) {
	steps, all := smtpSession(), ""
	for _, s := range steps {
		all += s.says
	}
	door, at := learntUsers(t), 0
	for i, s := range steps[1:] { // the first is the greeting
		for _, part := range []int{0, len(s.says) / 2, len(s.says) - 1, len(s.says)} {
			want, folder := steps[:i+1], t.TempDir()
			if part == len(s.says) {
				want = steps[:i+2]
			}
			cmd := command("-d", door, filepath.Join(bin, "smtpd"))
			cmd.Env = append(cmd.Env, "STANDIN_SMTPD="+folder)
			heard := connect(t, cmd, i%2 == 0).talk(t, []step{{says: all[:at+part]}})
			_ = cmd.Wait()
			h := follow(heard, want)
			if !h.complete || h.others > 0 {
				t.Errorf("cut in step %d behind %d bytes: %q behind %q", i+1, part, h.wrong, h.replies)
			}
			checkTaken(t, folder, steps, h)
		}
		at += len(s.says)
	}
}

// TestFilterServerCut: however the server ends, and after whichever byte, the client gets
// what it said once, and then the end.
func TestFilterServerCut(t *testing.T) {
	for name, d := range map[string]struct{ says, client string }{
		"a refused recipient": {
			"220 mx\r\n250-one\r\n250 two\r\n550 5.1.1 three\r\n",
			"EHLO a\r\nRCPT TO:<nobody@example.org>\r\nNOOP\r\n",
		},
		"a message": {
			"220 mx\r\n250 two\r\n250 mail\r\n250 rcpt\r\n354 go\r\n250 taken\r\n221 bye\r\n",
			"EHLO a\r\nMAIL FROM:<a@sender.example>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nhello\r\n.\r\nQUIT\r\n",
		},
	} {
		for end, code := range map[string]int{"exit 5": 5, "kill -9 $$": 111, "exec 1>&- 0<&-; sleep 0.1; exit 6": 6, "sleep 3 & exit 7": 7} {
			t.Run(name+" "+end, func(t *testing.T) {
				t.Parallel()
				for n := range len(d.says) + 1 {
					serverCut(t, d.says, n, d.client, end, code)
				}
			})
		}
	}
}

// serverCut has the server say n bytes and end. Its client hears these and no other, but for
// a reply of the filter's own.
func serverCut(t *testing.T, says string, n int, client, end string, code int) {
	t.Helper()
	path := server(t, fmt.Sprintf("IFS= read -r line\nhead -c %d \"$0.says\"\n%s\n", n, end))
	require.OK(t, os.WriteFile(path+".says", []byte(says), 0o600))
	p := dialogue.Start(t, command("-d", learnt(t), path))
	p.Send(client)
	got := readAll(t, p.Conn)
	if c, _ := p.End(); c != code {
		t.Errorf("after %d bytes: exit %d, want %d", n, c, code)
	}
	// Ours may be between whole replies of the server.
	if without := strings.ReplaceAll(got, "503 5.5.1 say MAIL first\r\n", ""); without != says[:n] {
		t.Errorf("after %d bytes: got %q", n, got)
	}
}

func readAll(t *testing.T, c *dialogue.Conn) string {
	t.Helper()
	var got strings.Builder
	buf := make([]byte, 4096)
	require.OK(t, c.Net().SetReadDeadline(time.Now().Add(20*time.Second)))
	for {
		n, err := c.Net().Read(buf)
		got.Write(buf[:n])
		if err != nil {
			return got.String()
		}
	}
}

// TestFilterNoServer: a server that cannot be run.
func TestFilterNoServer(t *testing.T) {
	if _, log, code := output(t, "", "/none/such"); code != 111 || log == "" {
		t.Errorf("exit %d, %q", code, log)
	}
}

// Questions of OpenSMTPD that are answered at the same time have a whole log line each.
func TestOpenSMTPDLog(t *testing.T) {
	const count, times = 400, 20
	dir := t.TempDir()
	r := history.NewRecipients(dir, "example.org", time.Now)
	require.OK(t, r.SetLogin("odmr@example.org"))
	asked, want := "config|ready\n", map[string]int{}
	for i := range count {
		user := fmt.Sprintf("u%d%s", i, strings.Repeat("x", i%40))
		require.OK(t, r.Refused(user+"@example.org", "no such user"))
		asked += "filter|0.7|1|smtp-in|rcpt-to|7641df9771b4ed00|1ef1c203cc576e5d|<" + user + "@example.org>\n"
		want["to=<"+user+"@example.org>"] = times
	}
	_, log, code := output(t, strings.Repeat(asked, times), "-O", "-d", dir)
	for line := range strings.Lines(log) {
		if fields := strings.Fields(line); len(fields) < 4 || want[fields[3]] == 0 {
			t.Errorf("%q", line)
		} else {
			want[fields[3]]--
		}
	}
	for to, missing := range want {
		if missing != 0 {
			t.Errorf("%s: %d lines are missing", to, missing)
		}
	}
	if code != 0 {
		t.Errorf("exit %d", code)
	}
}

// TestPatience: if a session hangs or answers without an end, each face says yes: it is the
// program that ends the connection.
func TestPatience(t *testing.T) {
	require.Time(t)
	t.Parallel()
	hangs := func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }
	drips := func(conn net.Conn) {
		for err := error(nil); err == nil; time.Sleep(20 * time.Millisecond) {
			_, err = io.WriteString(conn, "n")
		}
	}
	pours := func(conn net.Conn) {
		for err := error(nil); err == nil; {
			_, err = io.WriteString(conn, strings.Repeat("no ", 10000))
		}
	}
	const yes, address = "250 2.1.5 the session did not answer\n", "nobody@example.org"
	request := "protocol_state=RCPT\nrecipient=" + address + "\n\n"
	path := server(t, smtpd)
	for name, test := range map[string]struct {
		session func(net.Conn)
		in, out string
		args    []string
	}{
		"hangs":             {hangs, "", yes, []string{address}},
		"hangs, Postfix":    {hangs, request, "action=DUNNO\n\n", []string{"-P"}},
		"hangs, qmail":      {hangs, "MAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\n", "220 mx\r\n250 ok\r\n250 ok\r\n", []string{path}},
		"answers by bytes":  {drips, "", yes, []string{address}},
		"answers endlessly": {pours, "", yes, []string{address}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := learnt(t)
			l, err := net.Listen("unix", filepath.Join(dir, "example.org"))
			require.OK(t, err)
			defer l.Close()
			closed := make(chan bool)
			go func() {
				defer close(closed)
				if conn, err := l.Accept(); err == nil {
					_, _ = conn.Read(make([]byte, 1000))
					test.session(conn)
					conn.Close()
				}
			}()
			out, _, _ := output(t, test.in, append([]string{"-d", dir}, test.args...)...)
			if <-closed; out != test.out {
				t.Errorf("it says %q, want %q", out, test.out)
			}
		})
	}
}

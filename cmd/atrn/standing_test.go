package main

import (
	"bufio"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// dropping is a provider: its first line dies after a message. The second session
// stands: it says NOOP, and shows each reply.
func dropping(t *testing.T) string {
	been := filepath.Join(t.TempDir(), "been")
	const message = `'HELO p' 'MAIL FROM:<>' 'RCPT TO:<a@b.example>' DATA; for i in 1 2 3 4 5; do read a; done; say x .; read a`
	return provider(`say '250 go'; if test -e ` + been + `; then say NOOP; while read a; do echo "stands: $a" >&2; done; exit; fi; ` +
		`: >` + been + `; say ` + message)
}

// answering is a small SMTP server for the shell, which shows when it starts.
const answering = `echo receiver >&2; printf '220 x\r\n'; while read a; do case $a in ` +
	`DATA*) printf '354 x\r\n'; while read a; do case $a in .?) break;; esac; done;; esac; printf '250 x\r\n'; done`

// answer is the same for a TCP connection.
func answer(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	content := false
	for reply := "220 x\r\n"; ; {
		if _, err := conn.Write([]byte(reply)); err != nil {
			return
		}
		line, err := in.ReadString('\n')
		for ; content && line != ".\r\n" && err == nil; line, err = in.ReadString('\n') {
		}
		if err != nil {
			return
		}
		content, reply = line == "DATA\r\n", "250 x\r\n"
		if content {
			reply = "354 x\r\n"
		}
	}
}

// A session that dies is followed by another, with each receiving side; a signal
// ends that one in order.
func TestStanding(t *testing.T) {
	require.Time(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go answer(conn)
		}
	}()
	for name, args := range map[string][]string{
		"Maildir": {"-i", "-m", t.TempDir()},
		"server":  {"-i", "-s", l.Addr().String()},
		"program": {"-i", "sh", "-c", answering},
	} {
		t.Run(name, func(t *testing.T) {
			cmd, log := startRepeating(t, dropping(t), "*stood *s at the command, 1 messages, *hung up*", args...)
			for {
				line, err := log.ReadString('\n')
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasPrefix(line, "stands: 250 ") {
					break // to NOOP
				}
			}
			endBy(t, syscall.SIGTERM, cmd, log, "*atrn: stood *s at the command, 0 messages, 0 bytes: the session was cut short: stopped\n")
		})
	}
}

// The program is started anew for each session.
func TestStandingStartsTheProgramAnew(t *testing.T) {
	cmd, log := startRepeating(t, dropping(t), "receiver\n", "-i", "sh", "-c", answering)
	for {
		line, err := log.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "receiver") {
			break
		}
	}
	endBy(t, syscall.SIGTERM, cmd, log, "*cut short*")
}

// A message that is under way at a signal is not acknowledged, and leaves nothing
// behind: the provider still has it.
func TestStandingStoppedAmidAMessage(t *testing.T) {
	dir := t.TempDir()
	command := provider(`say '250 go' 'HELO p' 'MAIL FROM:<>' 'RCPT TO:<a@b.example>' DATA; ` +
		`for i in 1 2 3 4 5; do read a; done; say half; echo "content begins" >&2; while read a; do echo "got $a" >&2; done`)
	cmd, log := startRepeating(t, command, "content begins\n", "-i", "-m", dir)
	endBy(t, syscall.SIGTERM, cmd, log, "got 421 *atrn: stood *s at the command, 0 messages, 0 bytes: the session was cut short: stopped\n")
	for _, folder := range []string{"tmp", "new", "cur"} {
		if left, err := os.ReadDir(filepath.Join(dir, folder)); err != nil || len(left) > 0 {
			t.Errorf("%s: %v, %v", folder, left, err)
		}
	}
}

// -w ends a standing session when nothing came for a while: what came is taken, and the
// provider is told 421.
func TestStandingSessionEndedWhenQuiet(t *testing.T) {
	dir := t.TempDir()
	code, _, log := fetchWith(t, "-u", "u", "-p", passfile(t, 0o600), "-w", "1", "-m", dir, "-e", provider(`say '250 go' 'HELO p' 'MAIL FROM:<>' `+
		`'RCPT TO:<a@b.example>' 'BDAT 1 LAST'; printf x; for i in 1 2 3 4 5 6; do read a; done; echo "last $a" >&2`))
	if code != 0 || !dialogue.Match("last 421 *atrn: fetched 1 messages, 1 bytes from the command\n", log) {
		t.Errorf("exit %d, %q", code, log)
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "new")); err != nil || len(entries) != 1 {
		t.Errorf("delivered %v, %v", entries, err)
	}
}

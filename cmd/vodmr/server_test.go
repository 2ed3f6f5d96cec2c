package main

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"vodmr/integration/need"
	"vodmr/internal/dialogue"
	"vodmr/internal/logform"
)

// bin is the folder of what TestMain built.
var bin string

func TestMain(m *testing.M) {
	os.Exit(dialogue.Main(m, &bin, "vodmr/cmd/vodmr", "vodmr/cmd/vodmr-tls",
		"vodmr/cmd/vodmr-checkpw", "vodmr/testdata/vchkpw"))
}

// A server is vodmr at work: the customer's connection to it, and its end.
type server struct {
	*dialogue.Conn
	end func() (code int, log string)
}

// vodmr returns the command line of the real vodmr.
func vodmr(args ...string) []string {
	return append([]string{filepath.Join(bin, "vodmr")}, args...)
}

// overSocket runs vodmr with a socket on descriptors 0 and 1.
func overSocket(t *testing.T, environ []string, args ...string) server {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), append([]string{"TCPREMOTEIP=127.0.0.1"}, environ...)...)
	p := dialogue.Start(t, cmd)
	return server{p.Conn, p.End}
}

// overTCP runs vodmr under tcpserver on a free loopback port, with the options
// that a service has.
func overTCP(t *testing.T, environ []string, args ...string) server {
	t.Helper()
	addr, log := listen(t, environ, args...)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return server{dialogue.New(t, conn), func() (int, string) { return tcpserverEnd(t, log) }}
}

// listen starts tcpserver and returns its address and its log.
func listen(t *testing.T, environ []string, args ...string) (addr string, log *bufio.Scanner) {
	t.Helper()
	tcpserver := need.Program(t, "tcpserver")
	cmd := exec.Command(tcpserver, append([]string{"-1vRHl0", "127.0.0.1", "0"}, args...)...)
	cmd.Env = append(os.Environ(), environ...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("tcpserver printed no port: %v", err)
	}
	return net.JoinHostPort("127.0.0.1", strings.TrimSpace(port)), bufio.NewScanner(stderr)
}

// tcpserverEnd reads tcpserver's log up to its word about the session's end. It
// returns the program's exit code and what was not tcpserver's own.
func tcpserverEnd(t *testing.T, lines *bufio.Scanner) (code int, log string) {
	t.Helper()
	for lines.Scan() {
		line := lines.Text()
		if status, ok := strings.CutPrefix(line, "tcpserver: end "); ok {
			_, number, _ := strings.Cut(status, " status ")
			n, err := strconv.Atoi(number)
			if err != nil {
				t.Fatalf("tcpserver's line %q", line)
			}
			logform.Test(t, log)
			return n >> 8, log
		}
		if !strings.HasPrefix(line, "tcpserver: ") {
			log += line + "\n"
		}
	}
	t.Fatalf("tcpserver's log ended: %v", lines.Err())
	return 0, ""
}

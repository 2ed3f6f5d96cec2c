package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/auth/keeper"
	"vodmr/test/kit/dialogue"
)

// bin is the folder of what TestMain built.
var bin string

func TestMain(m *testing.M) {
	if os.Args[0] == keeper.TalkerName {
		os.Exit(hijacked())
	}
	if os.Getenv(keeperVariable) != "" {
		os.Exit(run(os.Args[1:], os.Environ()))
	}
	os.Exit(dialogue.Main(m, &bin, "vodmr/cmd/vodmr", "vodmr/cmd/vodmr-tls",
		"vodmr/cmd/vodmr-checkpw", "vodmr/test/standin/vchkpw"))
}

// A server is vodmr at work: the customer's connection to it, and its end.
type server struct {
	*dialogue.Conn
	end func() (code int, log string)
	pid func() int // nil under tcpserver
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
	return server{p.Conn, p.End, p.PID}
}

// overTCP runs vodmr under tcpserver.
func overTCP(t *testing.T, environ []string, args ...string) server {
	t.Helper()
	addr, end := listen(t, environ, args...)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return server{dialogue.New(t, conn), end, nil}
}

// listen starts tcpserver with a command and more variables.
func listen(t *testing.T, environ []string, args ...string) (addr string, end func() (code int, log string)) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), environ...)
	return dialogue.UnderTCPServer(t, cmd)
}

func matchLines(t *testing.T, text string, patterns ...string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	ok := len(lines) == len(patterns)
	for i := 0; ok && i < len(lines); i++ {
		ok = dialogue.Match(patterns[i], lines[i])
	}
	if !ok {
		t.Errorf("log:\n%s\nwant:\n%s", text, strings.Join(patterns, "\n"))
	}
}

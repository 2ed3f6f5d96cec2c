package main

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// need finds a program, or skips the test; with CI=true it fails.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skipf("%s is not installed", program)
	}
	return path
}

// underTCPServer runs a command under tcpserver on a free port. end waits for
// the first connection's end.
func underTCPServer(t *testing.T, wrapped *exec.Cmd) (address string, end func() (code int, log string)) {
	t.Helper()
	cmd := exec.Command(need(t, "tcpserver"), append([]string{"-1vRHl0", "127.0.0.1", "0"}, wrapped.Args...)...)
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
	return net.JoinHostPort("127.0.0.1", strings.TrimSpace(port)), func() (int, string) {
		return tcpserverEnd(t, bufio.NewScanner(stderr))
	}
}

// tcpserverEnd reads tcpserver's log up to its word about the connection's end,
// which must be about the process that it began with.
func tcpserverEnd(t *testing.T, lines *bufio.Scanner) (code int, log string) {
	t.Helper()
	pid := ""
	for lines.Scan() {
		line := lines.Text()
		if rest, ok := strings.CutPrefix(line, "tcpserver: pid "); ok {
			pid, _, _ = strings.Cut(rest, " ")
		}
		if status, ok := strings.CutPrefix(line, "tcpserver: end "+pid+" status "); ok && pid != "" {
			n, err := strconv.Atoi(status)
			if err != nil {
				t.Fatalf("tcpserver's line %q", line)
			}
			return n >> 8, log
		}
		if !strings.HasPrefix(line, "tcpserver: ") {
			log += line + "\n"
		}
	}
	t.Fatalf("tcpserver's log ended: %v", lines.Err())
	return 0, ""
}

func overTCP(t *testing.T, wrapped *exec.Cmd) (net.Conn, func() (int, string)) {
	t.Helper()
	address, end := underTCPServer(t, wrapped)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, end
}

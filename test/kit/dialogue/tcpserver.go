package dialogue

import (
	"bufio"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"vodmr/test/kit/logformat"
	"vodmr/test/kit/require"
)

// UnderTCPServer runs a command under tcpserver on a free port of this machine, with
// the options and the environment of a service. Each call of end waits until one more
// connection has ended. It returns the command's exit code and its log, without
// tcpserver's own lines; each line must have a form that vodmr-log(5) gives.
func UnderTCPServer(t testing.TB, command *exec.Cmd) (address string, end func() (code int, log string)) {
	t.Helper()
	tcpserver := require.Program(t, "tcpserver")
	cmd := exec.Command(tcpserver, append([]string{"-1vRHl0", "127.0.0.1", "0"}, command.Args...)...)
	cmd.Env = command.Env
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
	lines := bufio.NewScanner(stderr)
	return net.JoinHostPort("127.0.0.1", strings.TrimSpace(port)), func() (int, string) {
		t.Helper()
		return connectionEnd(t, lines)
	}
}

// connectionEnd reads tcpserver's log up to the line that reports the end of a
// connection.
func connectionEnd(t testing.TB, lines *bufio.Scanner) (code int, log string) {
	t.Helper()
	for lines.Scan() {
		line := lines.Text()
		if ended, ok := strings.CutPrefix(line, "tcpserver: end "); ok {
			_, number, _ := strings.Cut(ended, " status ")
			status, err := strconv.Atoi(number)
			if err != nil {
				t.Fatalf("tcpserver's line %q", line)
			}
			logformat.Test(t, log)
			return status >> 8, log
		}
		if !strings.HasPrefix(line, "tcpserver: ") {
			log += line + "\n"
		}
	}
	t.Fatalf("tcpserver's log ended: %v", lines.Err())
	return 0, ""
}

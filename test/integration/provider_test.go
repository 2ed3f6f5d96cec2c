package integration

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/test/kit/require"
)

// A provider is a tcpserver that runs a site's chain for each connection.
type provider struct {
	ip, port string
	pid      int    // of tcpserver
	log      string // the file that the chain's standard error goes to
}

func (p *provider) addr() string { return net.JoinHostPort(p.ip, p.port) }

// lines gives the lines of the log that hold all of the words.
func (p *provider) lines(t testing.TB, words ...string) []string {
	t.Helper()
	var list []string
next:
	for line := range strings.Lines(readFile(t, p.log)) {
		for _, word := range words {
			if !strings.Contains(line, word) {
				continue next
			}
		}
		list = append(list, line)
	}
	return list
}

// listen starts tcpserver on a free loopback port.
func (s *site) listen(t testing.TB) *provider {
	t.Helper()
	return s.listenOn(t, require.Program(t, "tcpserver"), "127.0.0.1")
}

// listenOn starts a tcpserver, which runs as the owner of the mail, on a free
// port of an address.
func (s *site) listenOn(t testing.TB, tcpserver, ip string) *provider {
	t.Helper()
	var as []string
	if os.Geteuid() == 0 {
		as = []string{fmt.Sprintf("-u%d", s.owner.uid), fmt.Sprintf("-g%d", s.owner.gid)}
	}
	return s.listenAs(t, tcpserver, ip, as...)
}

// listenAs starts a tcpserver with these options for its user; none for
// who runs the tests.
func (s *site) listenAs(t testing.TB, tcpserver, ip string, as ...string) *provider {
	t.Helper()
	args := append([]string{"-1", "-v", "-R", "-H", "-l0", "-c20"}, as...)
	args = append(append(args, ip, "0"), s.chain(t)...)
	cmd := exec.Command(tcpserver, args...)
	cmd.Env = s.environ()
	// -1 makes it say which port it got, once it listens.
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{ip: ip, log: filepath.Join(s.dir, "provider.log")}
	start(t, cmd, p.log)
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		showLog(t, p.log)
		t.Fatalf("tcpserver names no port: %v", err)
	}
	p.port, p.pid = strings.TrimSpace(port), cmd.Process.Pid
	return p
}

package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"vodmr/test/kit/dialogue"
)

// settings is a program that tells what it found in its environment, and then what the
// connection says.
const settings = `env | grep -E '^(TCP|PROTO=|SSL|KEPT|VODMR_BALANCER)' | sort | tr '\n' ' '; printf '\r\n'; read -r line; printf 'heard %s\r\n' "$line"`

// start runs vodmr-proxy as tcpserver does for a connection from peer, with such a
// program behind it.
func start(t *testing.T, peer string, flags ...string) *dialogue.Process {
	t.Helper()
	return dialogue.Start(t, startCommand(peer, flags...))
}

func startCommand(peer string, flags ...string) *exec.Cmd {
	cmd := exec.Command(bin+"/vodmr-proxy", append(flags, "sh", "-c", settings)...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "PROTO=TCP", "TCPREMOTEIP=" + peer, "TCPREMOTEPORT=40000", "TCPREMOTEHOST=balancer", "TCPREMOTEINFO=x",
		"TCPLOCALIP=10.0.0.9", "TCPLOCALPORT=3366", "TCPLOCALHOST=front", "SSL_PROTOCOL=TLSv1.3", "SSLCTLFD=7", "KEPT=yes", "VODMR_BALANCER=203.0.113.1",
	}
	return cmd
}

func ended(t *testing.T, p *dialogue.Process, code int, log string) {
	t.Helper()
	if got, stderr := p.End(); got != code || !dialogue.Match(log, strings.TrimSuffix(stderr, "\n")) {
		t.Errorf("exit code %d, want %d; log %q, want %q", got, code, stderr, log)
	}
}

const (
	v1      = "PROXY TCP4 192.0.2.7 198.51.100.1 4097 366\r\n"
	overTLS = "\r\n\r\n\x00\r\nQUIT\n\x21\x21\x00\x36" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x10\x01\x01\x6e" +
		"\x20\x00\x0f\x01\x00\x00\x00\x00\x21\x00\x07TLSv1.2"
)

func TestHeader(t *testing.T) {
	for name, test := range map[string]struct {
		header, env, log string
	}{
		"version 1": {v1, "KEPT=yes PROTO=TCP TCPLOCALIP=198.51.100.1 TCPLOCALPORT=366 TCPREMOTEIP=192.0.2.7 TCPREMOTEPORT=4097 VODMR_BALANCER=10.0.0.1 ",
			"vodmr-proxy: * proxy ip=192.0.2.7 balancer=10.0.0.1"},
		"version 2 over TLS": {overTLS, "KEPT=yes PROTO=TCP6 SSL_PROTOCOL=TLSv1.2 TCPLOCALIP=2001:db8::1 TCPLOCALPORT=366 " +
			"TCPREMOTEIP=2001:db8::7 TCPREMOTEPORT=4097 VODMR_BALANCER=10.0.0.1 ", "vodmr-proxy: * proxy ip=2001:db8::7 balancer=10.0.0.1"},
		"unknown": {"PROXY UNKNOWN\r\n", "KEPT=yes PROTO=TCP TCPLOCALHOST=front TCPLOCALIP=10.0.0.9 TCPLOCALPORT=3366 " +
			"TCPREMOTEHOST=balancer TCPREMOTEINFO=x TCPREMOTEIP=10.0.0.1 TCPREMOTEPORT=40000 ", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, "10.0.0.1", "-n", "192.0.2.0/24,10.0.0.1")
			p.Send(test.header + "EHLO me\r\n")
			p.Expect(test.env)
			p.Expect("heard EHLO me*")
			p.ExpectEnd()
			ended(t, p, 0, test.log)
		})
	}
}

// HAProxy's checks with a header of version 1 name HAProxy itself: no line for each.
func TestHeaderThatNamesTheBalancer(t *testing.T) {
	p := start(t, "10.0.0.1", "-n", "10.0.0.1")
	p.Send("PROXY TCP4 10.0.0.1 10.0.0.9 40000 3366\r\nEHLO me\r\n")
	p.Expect("*TCPREMOTEIP=10.0.0.1 *")
	p.Expect("heard EHLO me*")
	p.ExpectEnd()
	ended(t, p, 0, "")
}

// Nothing runs, and nothing is said to the peer, if the header cannot be believed.
func TestRefused(t *testing.T) {
	for name, test := range map[string]struct {
		peer, header, reason string
	}{
		"another's address":       {"203.0.113.5", v1, "not from a balancer that -n names"},
		"no address":              {"", v1, "not from a balancer that -n names"},
		"no header":               {"10.0.0.1", "EHLO mail.example.org\r\n", "no PROXY header"},
		"no version of TLS":       {"10.0.0.1", strings.Replace(overTLS, "TLSv1.2", "TLSv1\n2", 1), "*is no version of TLS*"},
		"check that speaks first": {"10.0.1.1", v1, "spoke before the greeting, and -n does not name it"},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, test.peer, "-n", "10.0.0.1", "-l", "10.0.1.0/24")
			p.Send(test.header)
			p.ExpectEnd()
			quoted := `"` + test.reason + `"`
			address := test.peer
			if address == "" {
				address = `""`
			}
			ended(t, p, 1, "vodmr-proxy: * refused ip="+address+" error="+quoted)
		})
	}
}

// The first header ends what is believed: a second one is the customer's own.
func TestSecondHeaderIsTheCustomers(t *testing.T) {
	p := start(t, "10.0.0.1", "-n", "10.0.0.1")
	p.Send(v1 + "PROXY TCP4 203.0.113.66 198.51.100.1 1 366\r\n")
	p.Expect("*TCPREMOTEIP=192.0.2.7 *")
	p.Expect("heard PROXY TCP4 203.0.113.66 *")
	p.ExpectEnd()
	ended(t, p, 0, "*")
}

// A check says nothing and waits for the greeting. Its address is tcpserver's.
func TestHealthCheck(t *testing.T) {
	t.Parallel()
	for _, peer := range []string{"10.0.1.7", "::ffff:10.0.1.7", "10.0.0.1"} {
		p := start(t, peer, "-n", "10.0.0.1", "-l", "10.0.1.0/24", "-l", "10.0.0.1")
		p.Expect("*TCPREMOTEHOST=balancer * TCPREMOTEIP=" + peer + " *")
		p.Send("QUIT\r\n")
		p.Expect("heard QUIT*")
		p.ExpectEnd()
		ended(t, p, 0, "")
	}
}

// A balancer may send a header for its customers even if its checks have none.
func TestHeaderFromAPlaceOfChecks(t *testing.T) {
	p := start(t, "10.0.0.1", "-n", "10.0.0.1", "-l", "10.0.0.1")
	p.Send(v1 + "EHLO me\r\n")
	p.Expect("*TCPREMOTEIP=192.0.2.7 *")
	p.Expect("heard EHLO me*")
	p.ExpectEnd()
	ended(t, p, 0, "*")
}

func TestSlowHeader(t *testing.T) {
	if testing.Short() {
		t.Skip("waits five seconds")
	}
	t.Parallel()
	p := start(t, "10.0.0.1", "-n", "10.0.0.1")
	p.Send("PROXY TCP4 192.0.2.7")
	p.ExpectEnd()
	ended(t, p, 1, `vodmr-proxy: * refused ip=10.0.0.1 error="timed out"`)
}

func TestProgramThatIsNotThere(t *testing.T) {
	cmd := exec.Command(bin+"/vodmr-proxy", "-n", "10.0.0.1", "/nonexistent/vodmr")
	cmd.Env = []string{"TCPREMOTEIP=10.0.0.1"}
	p := dialogue.Start(t, cmd)
	p.Send("PROXY UNKNOWN\r\n")
	p.ExpectEnd()
	ended(t, p, 111, `vodmr-proxy: * error error="/nonexistent/vodmr: no such file or directory"`)
}

func TestMisuse(t *testing.T) {
	for _, args := range [][]string{
		{}, {"prog"}, {"-n", "10.0.0.1"}, {"-n", "balancer", "prog"}, {"-n", "10.0.0.0/33", "prog"}, {"-n", "10.0.0.1,", "prog"},
		{"-l", "10.0.0.1", "prog"}, {"-n", "fe80::1%eth0", "prog"}, {"-x", "prog"},
	} {
		out, err := exec.Command(bin+"/vodmr-proxy", args...).CombinedOutput()
		if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 100 || !strings.Contains(string(out), "usage: vodmr-proxy") {
			t.Errorf("%q: %v, %s", args, err, out)
		}
	}
}

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"vodmr/internal/confine"
	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// proxyVariable has the test's own program be vodmr-proxy. Its reader is then this program
// too, and in a stranger's hands.
const proxyVariable = "VODMR_TEST_PROXY"

var bin string

func TestMain(m *testing.M) {
	if os.Args[0] == readerName {
		os.Exit(hijacked(os.Args[len(os.Args)-1]))
	}
	if os.Getenv(proxyVariable) != "" {
		os.Exit(run(os.Args[1:], os.Environ()))
	}
	os.Exit(dialogue.Main(m, &bin, "vodmr/cmd/vodmr-proxy"))
}

const right = "h203.0.113.5:1\x00198.51.100.1:366\x00\x00"

// strangersAnswers are what a reader in a stranger's hands answers, by the last word of the command
// line, and the log line for it.
func strangersAnswers() map[string][2]string {
	const hijackedLine = `vodmr-proxy: * refused ip=10.0.0.1 error="the process that reads the header may be in a stranger's hands*`
	return map[string][2]string{
		"key":      {right + "SSL_CLIENT_KEY_SHA256=00\x00", hijackedLine},
		"setting":  {strings.Replace(right, "203.0.113.5", "203.0.113.5\nVODMR_DOMAINS=*", 1), hijackedLine},
		"tls":      {strings.TrimSuffix(right, "\x00") + "TLSv1.3 SSL_CLIENT_KEY_SHA256=00\x00", hijackedLine},
		"port":     {strings.Replace(right, ":1\x00", ":1000000\x00", 1), hijackedLine},
		"half":     {"h203.0.113.5:1\x00\x00\x00", hijackedLine},
		"long":     {right + strings.Repeat("x", 1<<16), hijackedLine},
		"letter":   {"x" + right, hijackedLine},
		"nothing":  {"", `vodmr-proxy: * error error="the header cannot be read: its reader ended without an answer"`},
		"words":    {"rno\nvodmr: 1 login user=x", `vodmr-proxy: * refused ip=10.0.0.1 error="no\x0avodmr: 1 login user=x"`},
		"stays":    {right, hijackedLine},
		"two":      {right + right[1:], hijackedLine},
		"zone":     {strings.Replace(right, "203.0.113.5", "[fe80::1%lo]", 1), hijackedLine},
		"whatever": {right, "vodmr-proxy: * proxy ip=203.0.113.5 balancer=10.0.0.1"},
	}
}

// hijacked is the reader. It gives up its rights before a stranger can have it.
func hijacked(attack string) int {
	if err := confine.EnterReader(os.Getenv(readerVariable)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, path := range []string{"/etc/passwd", "/proc/self/fd/1"} {
		if _, err := unix.Open(path, unix.O_RDONLY, 0); err == nil {
			fmt.Fprintln(os.Stderr, "it opens", path)
		}
	}
	if err := unix.Kill(os.Getppid(), 0); err == nil {
		fmt.Fprintln(os.Stderr, "it reaches the first process")
	}
	_, _ = unix.Write(1, []byte(strangersAnswers()[attack][0]))
	if attack == "stays" {
		unix.Close(1)
		_, _ = unix.Read(0, make([]byte, 1<<16))
		_, _ = unix.Read(0, make([]byte, 1))
	}
	return 0
}

// A reader in a stranger's hands can claim another address, as the balancer can, and no more:
// neither a certificate nor a setting, and it cannot stay to read what the next program reads.
func TestHijackedReader(t *testing.T) {
	t.Parallel()
	require.Root(t, "to have a reader")
	for attack, answer := range strangersAnswers() {
		t.Run(attack, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-n", "10.0.0.1", "-u", "nobody", "sh", "-c", settings, attack)
			cmd.Env = []string{proxyVariable + "=yes", "PATH=" + os.Getenv("PATH"), "TCPREMOTEIP=10.0.0.1"}
			p := dialogue.Start(t, cmd)
			p.Send("EHLO me\r\n")
			code := exitClosed
			if attack == "whatever" {
				p.Expect("PROTO=TCP TCPLOCALIP=198.51.100.1 TCPLOCALPORT=366 TCPREMOTEIP=203.0.113.5 TCPREMOTEPORT=1 VODMR_BALANCER=10.0.0.1 ")
				p.Expect("heard EHLO me*")
				code = 0
			} else if attack == "nothing" {
				code = exitTemporary
			}
			p.ExpectEnd()
			ended(t, p, code, answer[1])
		})
	}
}

// The reader's account must be one that owns nothing.
func TestReadersAccount(t *testing.T) {
	require.Root(t, "to have a reader")
	for account, problem := range map[string]string{
		"root":    "account root is root: -u needs one that owns nothing",
		"nowhere": "account nowhere: *",
	} {
		p := start(t, "10.0.0.1", "-n", "10.0.0.1", "-u", account)
		p.Send(v1)
		p.ExpectEnd()
		ended(t, p, exitTemporary, `vodmr-proxy: * error error="the header cannot be read: `+problem+`"`)
	}
}

// A process that is not root reads the header itself.
func TestNotRoot(t *testing.T) {
	require.Root(t, "to start a program as another user")
	cmd := startCommand("10.0.0.1", "-n", "10.0.0.1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	p := dialogue.Start(t, cmd)
	p.Send(v1 + "EHLO me\r\n")
	p.Expect("*TCPREMOTEIP=192.0.2.7 *")
	p.Expect("heard EHLO me*")
	p.ExpectEnd()
	ended(t, p, 0, "vodmr-proxy: * proxy ip=192.0.2.7 balancer=10.0.0.1")
}

package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const password = "open sesame"

// A provider is the whole chain with a listener.
type provider struct {
	name    string // of the listener
	address string
	log     *tail
	end     func()
}

// account is the vpasswd line of a login.
func account(login, home string) string {
	local, _, _ := strings.Cut(login, "@")
	return fmt.Sprintf("%s:*:%d:%d:%s:%s:NOQUOTA:%s\n", login, os.Getuid(), os.Getgid(), local, home, password)
}

// chain is the command that the listener runs for each customer.
func (b *bench) chain(accounts string) ([]string, error) {
	file := filepath.Join(b.work, "vpasswd")
	if err := os.WriteFile(file, []byte(accounts), 0o600); err != nil {
		return nil, err
	}
	return []string{
		filepath.Join(b.bin, "vodmr"), "mail.provider.example",
		filepath.Join(b.bin, "vodmr-checkpw"), file,
		filepath.Join(b.bin, "vodmr-relay"), "-q", b.qmail, "Maildir",
	}, nil
}

// startProvider listens for the customer with this home.
func (b *bench) startProvider(home string) (*provider, error) {
	return b.startProviderOf(account(login, home))
}

// startProviderOf listens with tcpserver if it is installed, otherwise in this
// process. The settings are variables for the chain.
func (b *bench) startProviderOf(accounts string, settings ...string) (*provider, error) {
	chain, err := b.chain(accounts)
	if err != nil {
		return nil, err
	}
	tcpserver, err := exec.LookPath("tcpserver")
	var p *provider
	if err == nil {
		p, err = underTcpserver(tcpserver, chain, settings)
	} else {
		p, err = underUs(chain, settings)
	}
	if err == nil {
		b.stop = append(b.stop, p.end)
	}
	return p, err
}

func underTcpserver(tcpserver string, chain, settings []string) (*provider, error) {
	p := &provider{name: "tcpserver", log: &tail{}}
	flags := []string{"-1", "-RHl0", "-c", fmt.Sprint(maxSessions), "127.0.0.1", "0"}
	cmd := exec.Command(tcpserver, append(flags, chain...)...)
	cmd.Stderr = p.log
	cmd.Env = append(os.Environ(), settings...)
	// The programs that tcpserver starts are its children: all of them end as one
	// group.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := false
	p.end = func() {
		if !ended {
			ended = true
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
			_ = cmd.Wait()
		}
	}
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.end()
		return nil, fmt.Errorf("tcpserver does not start: %s", p.log)
	}
	p.address = "127.0.0.1:" + strings.TrimSpace(port)
	return p, nil
}

// underUs listens in this process, and sets the same environment as tcpserver.
func underUs(chain, settings []string) (*provider, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &provider{name: "a small listener, for there is no tcpserver", log: &tail{}, address: listener.Addr().String()}
	p.end = func() { _ = listener.Close() }
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.run(chain, settings, conn.(*net.TCPConn))
		}
	}()
	return p, nil
}

func (p *provider) run(chain, settings []string, conn *net.TCPConn) {
	defer conn.Close()
	socket, err := conn.File()
	if err != nil {
		return
	}
	defer socket.Close()
	cmd := exec.Command(chain[0], chain[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = socket, socket, p.log
	cmd.Env = append(append(os.Environ(), settings...), "PROTO=TCP",
		"TCPLOCALIP=127.0.0.1", "TCPLOCALPORT="+port(conn.LocalAddr()),
		"TCPREMOTEIP=127.0.0.1", "TCPREMOTEPORT="+port(conn.RemoteAddr()))
	if cmd.Start() == nil {
		go func() { _ = cmd.Wait() }()
	}
}

func port(a net.Addr) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}

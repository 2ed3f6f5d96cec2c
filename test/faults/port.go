package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A port is the provider's listener. For each customer it runs vodmr, over a line
// that may be cut, and may kill a process of the chain.
type port struct {
	*soaking
	listener net.Listener
	argv     []string
	log      *os.File
	random   *rand.Rand
	all      sync.WaitGroup
}

// strikeMax is the longest time that a process lives before it is killed.
const strikeMax = 300 * time.Millisecond

func (k *soaking) open(shared *site) (*port, error) {
	log, err := os.OpenFile(filepath.Join(k.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &port{soaking: k, listener: listener, argv: shared.vodmrArgs(), log: log}
	p.random = rand.New(rand.NewPCG(k.random.Uint64(), 0))
	p.all.Go(p.accept)
	return p, nil
}

// close closes the port when all sessions have ended.
func (p *port) close() {
	p.listener.Close()
	p.all.Wait()
	p.log.Close()
}

func (p *port) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		far := conn.(*net.TCPConn)
		var l *link
		if !p.calm.Load() && p.random.IntN(cutOneIn) == 0 {
			l = &link{what: []string{"cut", "reset"}[p.random.IntN(2)], toProvider: p.random.IntN(4) == 0}
			l.n = p.random.IntN(8000)
			if l.toProvider {
				l.n /= 8
			}
		}
		doom := time.Duration(0)
		if !p.calm.Load() && p.random.IntN(killOneIn) == 0 {
			doom = 1 + time.Duration(p.random.Int64N(int64(strikeMax)))
		}
		second := p.random.IntN(4) > 0
		p.all.Go(func() {
			if err := p.serve(far, l, doom, second); err != nil && p.ctx.Err() == nil {
				p.fail("the port: %v", err)
			}
		})
	}
}

// serve runs the chain for a customer.
func (p *port) serve(far *net.TCPConn, l *link, doom time.Duration, second bool) error {
	if l != nil {
		inner, err := l.behind(far)
		if err != nil {
			far.Close()
			return err
		}
		far = inner
	}
	socket, err := far.File()
	far.Close()
	if err != nil {
		return err
	}
	defer socket.Close()
	ctx, cancel := context.WithTimeout(p.ctx, sessionMax)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.argv[0], p.argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = socket, socket, p.log
	cmd.Env = []string{"PATH=/usr/bin:/bin", "PROTO=TCP", "TCPREMOTEIP=127.0.0.1"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := cmd.Start(); err != nil {
		return err
	}
	socket.Close()
	if doom > 0 {
		defer time.AfterFunc(doom, func() { killOne(cmd.Process, second) }).Stop()
	}
	_ = cmd.Wait()
	if ctx.Err() != nil && p.ctx.Err() == nil {
		return errors.New("a session hung: killed after " + sessionMax.String())
	}
	return nil
}

// killOne kills one process of a chain: the first one or, if second is set and there
// is one, its child, which usually is vodmr-relay.
func killOne(process *os.Process, second bool) {
	if second {
		pid := strconv.Itoa(process.Pid)
		text, _ := os.ReadFile("/proc/" + pid + "/task/" + pid + "/children")
		child, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err == nil && child > 1 {
			_ = syscall.Kill(child, syscall.SIGKILL)
			return
		}
	}
	_ = process.Signal(syscall.SIGKILL)
}

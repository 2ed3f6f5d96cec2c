package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"vodmr/test/kit/customer"
	"vodmr/test/kit/loopback"
)

// sessionMax is how long a session may last if nothing makes it wait.
const sessionMax = 90 * time.Second

// A session is the result of one session.
type session struct {
	cleanEnd bool  // the customer saw QUIT, or the reply that no mail waits
	err      error // why not
	code     int   // exit code of the first program; -1 if a signal ended it
	killed   bool  // the signal was SIGKILL
	log      string
}

func (one *session) how() string {
	return fmt.Sprintf("exit %d, %v", one.code, one.err)
}

// broken is 1 if the session broke, otherwise 0, for settle.
func (one *session) broken() int {
	if one.cleanEnd {
		return 0
	}
	return 1
}

// A mode is the set of extensions that the customer's server offers.
type mode struct {
	name                 string
	pipelining, chunking bool
}

func modes() []mode {
	return []mode{{"lockstep", false, false}, {"pipelining", true, false}, {"chunking", true, true}}
}

// server is the customer's SMTP server.
func (s *site) server() *customer.Server {
	server := &customer.Server{
		Pipelining: s.mode.pipelining, Chunking: s.mode.chunking,
		Rcpt: func(to string) string {
			switch {
			case strings.HasPrefix(to, nobody):
				return "550 5.1.1 nobody has this address"
			case strings.HasPrefix(to, greylist):
				return "450 4.7.1 later"
			}
			return ""
		},
		Content: func(from string, _ []string) string {
			if strings.HasPrefix(from, spammer) {
				return "554 5.7.1 not wanted"
			}
			return ""
		},
		Take: s.take,
	}
	if s.adjust != nil {
		s.adjust(server)
	}
	return server
}

// session runs the chain for one connection, with wrap before the program under test,
// and plays the customer.
func (s *site) session(wrap []string) *session {
	if s.chain.fetches || s.chain.expires {
		return s.alone(wrap)
	}
	return s.sessionOnLine(wrap, func(c net.Conn) net.Conn { return c })
}

// alone runs a program that has no customer in this process: atrn is the customer,
// and vodmr-expire needs none.
func (s *site) alone(wrap []string) *session {
	ctx, cancel := context.WithTimeout(s.ctx, s.patience)
	defer cancel()
	p := s.process(ctx, wrap)
	if err := p.cmd.Start(); err != nil {
		s.trial.broken = err
		return &session{err: err}
	}
	one := &session{}
	s.end(ctx, p, one)
	one.cleanEnd = isCleanEnd(one)
	return one
}

// exitRefused is atrn's exit code after a clean session in which it refused all
// messages, for example because they were too large.
const exitRefused = 65

func isCleanEnd(one *session) bool { return one.code == 0 || one.code == exitRefused }

// sessionOnLine runs a session over a line: a function from the provider's end to the
// customer's end.
func (s *site) sessionOnLine(wrap []string, line func(net.Conn) net.Conn) *session {
	return s.converse(wrap, func(p *process, near *net.TCPConn) error {
		s.pid = p.cmd.Process.Pid
		conn := line(near)
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(s.patience))
		return s.play(conn, s.server())
	})
}

// converse runs the chain for one connection. The function customer gets the
// customer's end, which is closed afterwards; it returns nil if it saw the session
// end cleanly.
func (s *site) converse(wrap []string, customer func(*process, *net.TCPConn) error) *session {
	near, far, err := loopback.Pair()
	if err != nil {
		s.trial.broken = err
		return &session{err: err}
	}
	defer near.Close()
	ctx, cancel := context.WithTimeout(s.ctx, s.patience)
	defer cancel()
	p, err := s.start(ctx, wrap, far)
	if err != nil {
		s.trial.broken = err
		return &session{err: err}
	}
	one := &session{}
	one.err = customer(p, near)
	one.cleanEnd = one.err == nil
	near.Close()
	s.end(ctx, p, one)
	return one
}

// play is the customer, from the provider's greeting to the end of the connection.
func (s *site) play(conn net.Conn, server *customer.Server) error {
	stream, err := s.chain.turn(s, conn)
	if errors.Is(err, errNothing) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := server.Serve(stream); err != nil {
		return err
	}
	if tcp, ok := stream.(*net.TCPConn); ok {
		_ = tcp.CloseWrite() // nothing follows 221 or 421
	}
	_, _ = io.Copy(io.Discard, stream) // until the peer closes
	return nil
}

// errNothing is the reply that no mail waits.
var errNothing = errors.New("453")

// atrn sends ATRN and reads the reply.
func atrn(conn io.ReadWriter) error {
	if _, err := io.WriteString(conn, "ATRN\r\n"); err != nil {
		return err
	}
	_, err := loopback.Hear(conn, "250")
	if err != nil && strings.Contains(err.Error(), `says "453 `) {
		return errNothing
	}
	return err
}

// A process is a started chain.
type process struct {
	cmd  *exec.Cmd
	said *buffer
}

// start starts the chain on a connection, which is closed here.
func (s *site) start(ctx context.Context, wrap []string, far *net.TCPConn) (*process, error) {
	defer far.Close()
	socket, err := far.File()
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	p := s.process(ctx, wrap)
	p.cmd.Stdin, p.cmd.Stdout = socket, socket
	p.cmd.ExtraFiles = []*os.File{null} // descriptor 3
	return p, p.cmd.Start()
}

// process prepares the chain as one process group, which is killed as a whole.
func (s *site) process(ctx context.Context, wrap []string) *process {
	argv := s.chain.argv(s, wrap)
	p := &process{cmd: exec.CommandContext(ctx, argv[0], argv[1:]...), said: &buffer{}}
	p.cmd.Stderr = p.said
	p.cmd.Env = s.environ()
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Cancel = func() error { return syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }
	p.cmd.WaitDelay = 5 * time.Second
	return p
}

func (s *site) environ() []string {
	env := []string{
		"PATH=/usr/bin:/bin", "HOME=" + s.home, "VPOPUSER=" + login, "VODMR_HOST=" + host, "VODMR_AUTHFD=3",
		fmt.Sprintf("VODMR_WINDOW=%d", window), "PROTO=TCP", "TCPREMOTEIP=127.0.0.1",
	}
	return append(env, s.env...)
}

// end waits until the last program of the chain has ended.
func (s *site) end(ctx context.Context, p *process, one *session) {
	err := p.cmd.Wait()
	if ctx.Err() != nil && s.ctx.Err() == nil || errors.Is(err, exec.ErrWaitDelay) {
		s.fail("a program hung: killed after %v", s.patience)
	}
	state := p.cmd.ProcessState
	one.code = state.ExitCode()
	status, ok := state.Sys().(syscall.WaitStatus)
	one.killed = ok && status.Signaled() && status.Signal() == syscall.SIGKILL
	one.log = p.said.String()
	s.mu.Lock()
	s.unknown += strings.Count(one.log, "the program's end is not known")
	s.mu.Unlock()
	s.checkForms(one.log)
	s.logf("-- a session in %s: %s\n%s", s.mode.name, one.how(), one.log)
}

// A buffer keeps the log of programs.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// bufferMax is how much of the log is kept, in bytes.
const bufferMax = 1 << 20

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Write(p[:min(len(p), max(0, bufferMax-b.text.Len()))])
	return len(p), nil
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

package hostile

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"vodmr/test/kit/dialogue"
)

// A peer is a customer's connection to the chain, with everything that was received
// on it.
type peer struct {
	*dialogue.Conn
	t     *testing.T
	cmd   *exec.Cmd
	tap   *tap
	roots *tls.Config
	code  int // the exit code, after finish
}

// dial runs the chain with a socket as descriptors 0 and 1, and its standard error in
// the file log.
func (s *site) dial(t *testing.T, c config, log *os.File) *peer {
	t.Helper()
	conn, far := dialogue.Pair(t)
	argv := s.chain(t, c)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = far, far, log
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "TCPREMOTEIP=192.0.2.66", "VCHKPW_DOMAINS=" + s.path("domains"),
	}, c.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(s.uid), Gid: uint32(s.gid)}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	far.Close()
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	p := &peer{t: t, cmd: cmd, roots: c.roots}
	p.listen(conn.Net())
	return p
}

// listen uses conn from now on.
func (p *peer) listen(conn net.Conn) {
	earlier := p.tap
	p.tap = &tap{Conn: conn}
	if earlier != nil {
		p.tap.got.Write(earlier.got.Bytes())
	}
	p.Conn = dialogue.New(p.t, p.tap)
}

// handshake starts TLS. If it fails, the script sees the end of the connection.
func (p *peer) handshake() {
	p.t.Helper()
	conn := tls.Client(p.tap.Conn, p.roots)
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if err := conn.Handshake(); err != nil {
		p.t.Fatalf("handshake: %v", err)
	}
	p.listen(conn)
}

// push sends bytes in another goroutine, because the chain may stop reading.
func (p *peer) push(text string) {
	conn := p.tap.Conn
	go func() {
		_ = conn.SetWriteDeadline(time.Now().Add(time.Minute))
		_, _ = conn.Write([]byte(text))
	}()
}

// drain reads until the connection ends.
func (p *peer) drain() {
	p.t.Helper()
	_ = p.tap.SetReadDeadline(time.Now().Add(time.Minute))
	_, err := io.Copy(io.Discard, p.tap)
	// If a program closes while bytes of ours are unread, the connection is reset.
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		p.t.Fatalf("got %v, want the end", err)
	}
}

// finish closes the connection and waits for the chain's end.
func (p *peer) finish() {
	p.t.Helper()
	p.Close()
	late := time.AfterFunc(time.Minute, func() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) })
	_ = p.cmd.Wait()
	if !late.Stop() {
		p.t.Fatal("the chain did not end within a minute of the connection's end")
	}
	p.code = p.cmd.ProcessState.ExitCode()
}

// A tap keeps everything that is read through it.
type tap struct {
	net.Conn
	mu  sync.Mutex
	got bytes.Buffer
}

func (t *tap) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.got.Write(b[:n])
	return n, err
}

// CloseWrite ends one direction.
func (t *tap) CloseWrite() error {
	return t.Conn.(interface{ CloseWrite() error }).CloseWrite()
}

func (t *tap) heard() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.got.String()
}

package tlswrap

import (
	"net"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
)

// A socket is the customer's connection as crypto/tls wants to see it. Package
// net cannot make one of a descriptor without setting O_NONBLOCK, and the
// program shares the open file. One goroutine may read while another writes.
type socket struct {
	fd          int
	read, write *fdio.Conn
}

func newSocket(r, w int) *socket {
	return &socket{fd: w, read: fdio.New(r, r), write: fdio.New(w, w)}
}

func (s *socket) Read(p []byte) (int, error)         { return s.read.Read(p) }
func (s *socket) Write(p []byte) (int, error)        { return s.write.Write(p) }
func (s *socket) SetReadDeadline(t time.Time) error  { return s.read.SetDeadline(t) }
func (s *socket) SetWriteDeadline(t time.Time) error { return s.write.SetDeadline(t) }

func (s *socket) SetDeadline(t time.Time) error {
	_ = s.read.SetDeadline(t)
	return s.write.SetDeadline(t)
}

// Close ends the connection for every process that shares it.
func (s *socket) Close() error { return unix.Shutdown(s.fd, unix.SHUT_RDWR) }

// endWrite tells the customer that no more comes.
func (s *socket) endWrite() { _ = unix.Shutdown(s.fd, unix.SHUT_WR) }

// The addresses are for nobody: tcpserver has named both in the environment.
func (s *socket) LocalAddr() net.Addr  { return &net.TCPAddr{} }
func (s *socket) RemoteAddr() net.Addr { return &net.TCPAddr{} }

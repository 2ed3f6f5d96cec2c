package fdio

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestUnacknowledged: what a peer has no room for is unacknowledged until it reads, and
// a reply to what it has read acknowledges all of it.
func TestUnacknowledged(t *testing.T) {
	conn, peer := tcpPair(t)
	if err := unix.SetsockoptInt(conn.w, unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<20); err != nil {
		t.Fatal(err)
	}
	sent := bytes.Repeat([]byte("x"), 1<<20)
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if n, err := conn.Write(sent); err != nil || n != len(sent) {
		t.Fatal(n, err)
	}
	if octets, known := conn.Unacknowledged(); !known || octets == 0 {
		t.Errorf("unread: %d octets, known %v", octets, known)
	}
	if _, err := io.ReadFull(peer, make([]byte, len(sent))); err != nil {
		t.Fatal(err)
	}
	if _, err := peer.Write([]byte("250 ok\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if octets, known := conn.Unacknowledged(); !known || octets != 0 {
		t.Errorf("behind the reply: %d octets, known %v", octets, known)
	}
}

// TestUnacknowledgedUnknown: only TCP tells.
func TestUnacknowledgedUnknown(t *testing.T) {
	var pipe, pair [2]int
	if err := unix.Pipe(pipe[:]); err != nil {
		t.Fatal(err)
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	pair = fds
	for name, fd := range map[string]int{"pipe": pipe[1], "socketpair": pair[0]} {
		conn := New(fd, fd)
		if _, err := conn.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if octets, known := conn.Unacknowledged(); known {
			t.Errorf("%s: %d octets", name, octets)
		}
	}
	for _, fd := range append(pipe[:], pair[:]...) {
		unix.Close(fd)
	}
}

// tcpPair is a connection; its peer holds as little as the system lets it.
func tcpPair(t *testing.T) (*Conn, net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	raw, err := listener.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) })
	if err != nil {
		t.Fatal(err)
	}
	near, err := net.Dial("tcp4", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close() })
	peer, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	file, err := near.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return New(int(file.Fd()), int(file.Fd())), peer
}

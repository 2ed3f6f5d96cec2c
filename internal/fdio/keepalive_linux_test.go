package fdio

import (
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestKeepAlive reads back what a TCP socket was told.
func TestKeepAlive(t *testing.T) {
	fd := tcpSocket(t)
	KeepAlive(fd)
	for _, test := range []struct {
		name                string
		level, option, want int
	}{
		{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 30},
		{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 10},
		{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 3},
		{"TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 0}, // see silent
	} {
		got, err := unix.GetsockoptInt(fd, test.level, test.option)
		if got != test.want || err != nil {
			t.Errorf("%s is %d, %v; want %d", test.name, got, err, test.want)
		}
	}
}

// TestUserTimeout reads it back.
func TestUserTimeout(t *testing.T) {
	fd := tcpSocket(t)
	want := func(ms int) {
		t.Helper()
		if got, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT); got != ms || err != nil {
			t.Errorf("TCP_USER_TIMEOUT is %d, %v; want %d", got, err, ms)
		}
	}
	UserTimeout(fd)
	want(60000)
	NoUserTimeout(fd)
	want(0)
}

// tcpSocket is one end of a connection over the loopback, with none of the options
// that package net sets.
func tcpSocket(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, fd)
	port := listener.Addr().(*net.TCPAddr).Port
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	return fd
}

// TestKeepAliveElsewhere: other descriptors are left alone.
func TestKeepAliveElsewhere(t *testing.T) {
	a, _ := socketpair(t)
	KeepAlive(a)
	if n, err := unix.GetsockoptInt(a, unix.SOL_SOCKET, unix.SO_KEEPALIVE); n != 0 || err != nil {
		t.Errorf("SO_KEEPALIVE of a Unix socket: %d, %v", n, err)
	}
	r, w := pipe(t)
	KeepAlive(r)
	KeepAlive(-1)
	if err := WriteAll(w, []byte("x")); err != nil {
		t.Error(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	KeepAlive(int(null.Fd()))
}

package smtp

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
)

// TestYesBeforeItWasRead: a 2xx to content of which the peer's TCP has not got all is
// not believed, in any mode. This server says it as soon as the first octet is there.
func TestYesBeforeItWasRead(t *testing.T) {
	const ok = "250 ok\r\n"
	for name, test := range map[string]struct {
		offer []string
		says  []string // each behind one more octet
	}{
		"lock step": {nil, []string{ok, ok, "354 go\r\n", ok}},
		"DATA":      {[]string{"PIPELINING"}, []string{ok + ok + "354 go\r\n", ok}},
		"BDAT":      {[]string{"PIPELINING", "CHUNKING"}, []string{ok + ok + ok}},
	} {
		near, far := tcpPair(t)
		s := offers(nil, test.offer...)
		s.link.conn, s.link.timeouts = near, SameTimeouts(time.Minute)
		go sayBlindly(far, test.says)
		l := newList(1, 1, 4<<20)
		err := s.Run(l)
		if !errors.Is(err, ErrOutOfStep) || len(l.decisions) != 0 || s.Peer.Evidence != OutOfStep {
			t.Errorf("%s: %v; %d answered", name, err, len(l.decisions))
		}
		if left := s.Unanswered(); len(left) != 1 || !left[0].Doubt {
			t.Errorf("%s: unanswered %v", name, left)
		}
	}
}

// sayBlindly is a server that reads each packet's commands but nothing of the content.
func sayBlindly(conn net.Conn, says []string) {
	buf := make([]byte, 100)
	for _, reply := range says {
		if _, err := conn.Read(buf); err != nil {
			return
		}
		if _, err := conn.Write([]byte(reply)); err != nil {
			return
		}
	}
}

// tcpPair is a connection of which this side takes much at once and the other little.
func tcpPair(t *testing.T) (*fdio.Conn, net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	near, err := net.Dial("tcp4", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	files := make([]*os.File, 2)
	for i, conn := range []net.Conn{near, far} {
		t.Cleanup(func() { conn.Close() })
		if files[i], err = conn.(*net.TCPConn).File(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { files[i].Close() })
	}
	err = errors.Join(
		unix.SetsockoptInt(int(files[0].Fd()), unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 8<<20),
		unix.SetsockoptInt(int(files[1].Fd()), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096))
	if err != nil {
		t.Skip("the buffers cannot be set: ", err)
	}
	return fdio.New(int(files[0].Fd()), int(files[0].Fd())), far
}

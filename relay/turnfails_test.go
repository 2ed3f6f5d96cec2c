package relay

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/require"
)

// A deafConn cannot say that the roles turn, as when the system has no memory
// for it; what the customer says can be read.
type deafConn struct{ Conn }

func (c deafConn) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte("250 ")) {
		return 0, unix.ENOBUFS
	}
	return c.Conn.Write(p)
}

// A customer that did not get the 250 says nothing, so nobody may wait for its
// greeting.
func TestTurnThatCannotBeSaid(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.fill(t, 1)
	conn, peer := socketPair(t)
	config := s.relayConfig(peer, openLog(t, s))
	config.Conn = deafConn{config.Conn}
	done := make(chan error, 1)
	go func() {
		err := Serve(config)
		peer.Close()
		done <- err
	}()
	skipLines(t, conn, 1)
	_, err := io.WriteString(conn, "ATRN\r\n")
	require.OK(t, err)
	require.OK(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	if said, err := io.ReadAll(conn); err != nil || len(said) > 0 {
		t.Fatalf("the session goes on: %q, %v", said, err)
	}
	if err := <-done; !errors.Is(err, unix.ENOBUFS) || ExitCode(err) != 111 {
		t.Errorf("ended with %v", err)
	}
	log, err := os.ReadFile(s.root + "/log")
	require.OK(t, err)
	if !strings.Contains(string(log), unix.ENOBUFS.Error()) || s.left(t) == "" {
		t.Errorf("left %q, log:\n%s", s.left(t), log)
	}
}

package relay

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"testing"

	"vodmr/test/kit/require"
)

// A tripCounter counts how many transactions were sent and not answered.
type tripCounter struct {
	Conn
	open, most int
}

func (c *tripCounter) Exchange(out, in []byte) (int, int, error) {
	wrote, read, err := c.Conn.Exchange(out, in)
	c.open += bytes.Count(out[:wrote], []byte(" LAST\r\n"))
	c.most = max(c.most, c.open)
	c.open -= bytes.Count(in[:read], []byte("taken"))
	return wrote, read, err
}

func openLog(t *testing.T, s *site) *os.File {
	log, err := os.OpenFile(filepath.Join(s.root, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.OK(t, err)
	t.Cleanup(func() { log.Close() })
	return log
}

// skipLines reads lines byte by byte, so that nothing behind them is lost.
func skipLines(t *testing.T, conn net.Conn, n int) {
	var b [1]byte
	for n > 0 {
		if _, err := conn.Read(b[:]); err != nil {
			t.Fatal(err)
		}
		if b[0] == '\n' {
			n--
		}
	}
}

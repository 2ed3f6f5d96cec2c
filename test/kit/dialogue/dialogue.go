// Package dialogue lets a test talk to a program or a session as a peer would, in a
// script that reads like the conversation:
//
//	c := dialogue.Start(t, exec.Command(vodmr, "mail.example.net", "true"))
//	c.Run(`
//		S: 220 mail.example.net *
//		C: EHLO customer.example
//		S: 250-mail.example.net
//		S: 250 ATRN
//		C: QUIT
//		S: 221 *
//		S: <end>
//	`)
//	code, log := c.End()
//
// A line `C: text` is sent with CRLF; `S: pattern` must match the peer's next line,
// and * stands for any text. `C: <end>` closes the sending direction, `S: <end>`
// expects that the peer has closed. No wait is longer than a minute: if the peer says
// nothing, the test fails.
package dialogue

import (
	"bufio"
	"crypto/hmac"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is the longest wait for the peer: VODMR_PATIENCE, or a minute. scripts/mutants sets
// it, because a broken program often leaves a test waiting in vain.
func patience() time.Duration {
	if given, err := time.ParseDuration(os.Getenv("VODMR_PATIENCE")); err == nil {
		return given
	}
	return time.Minute
}

// A Conn is the test's end of a connection. If anything goes wrong, the test fails.
type Conn struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

// New makes a Conn from the test's end of a connection, which is closed when the test
// ends.
func New(t testing.TB, conn net.Conn) *Conn {
	t.Cleanup(func() { conn.Close() })
	return &Conn{t: t, conn: conn, in: bufio.NewReader(conn)}
}

// Pair makes a connection: the test's end, and a file that is the peer's end.
func Pair(t testing.TB) (*Conn, *os.File) {
	t.Helper()
	fds, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	near, far := os.NewFile(uintptr(fds[0]), "test's end"), os.NewFile(uintptr(fds[1]), "peer's end")
	defer near.Close()
	conn, err := net.FileConn(near)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	return New(t, conn), far
}

// socketPair holds the fork lock, so that no program started by another test at this
// moment inherits an end. If one did, the peer would not notice when that end is
// closed.
func socketPair() (fds [2]int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if fds, err = syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0); err != nil {
		return fds, err
	}
	syscall.CloseOnExec(fds[0])
	syscall.CloseOnExec(fds[1])
	return fds, nil
}

// TCPPair does the same over the loopback, for things that only TCP has.
func TCPPair(t testing.TB) (*Conn, *os.File) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	near, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn := New(t, near)
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	far, err := accepted.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	return conn, far
}

// NobodysPort returns a TCP port of this machine on which nobody listens, and nobody
// can until the test ends.
func NobodysPort(t testing.TB) int {
	t.Helper()
	syscall.ForkLock.RLock()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	address, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return address.(*syscall.SockaddrInet4).Port
}

// Run plays a script.
func (c *Conn) Run(script string) {
	c.t.Helper()
	for line := range strings.Lines(script) {
		line = strings.TrimLeft(strings.TrimSuffix(line, "\n"), " \t")
		if line == "S:" || line == "C:" {
			line += " "
		}
		text, isClient := strings.CutPrefix(line, "C: ")
		pattern, isServer := strings.CutPrefix(line, "S: ")
		switch {
		case line == "":
		case isClient && text == "<end>":
			c.CloseWrite()
		case isClient:
			c.Send(text + "\r\n")
		case isServer && pattern == "<end>":
			c.ExpectEnd()
		case isServer:
			c.Expect(pattern)
		default:
			c.t.Fatalf("a script's line starts with C: or S:, not %q", line)
		}
	}
}

// Send sends the bytes unchanged, in one write. A peer may have ended before it reads them:
// what the test expects next decides if that was right.
func (c *Conn) Send(raw string) {
	c.t.Helper()
	_ = c.conn.SetWriteDeadline(time.Now().Add(patience()))
	if _, err := io.WriteString(c.conn, raw); err != nil && !peerEnded(err) {
		c.t.Fatalf("sending %.60q: %v", raw, err)
	}
}

// peerEnded reports if an error says that nobody reads any more.
func peerEnded(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ENOTCONN)
}

// Expect reads a line, which must match the pattern, and returns it without CRLF.
func (c *Conn) Expect(pattern string) string {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(patience()))
	line, err := c.in.ReadString('\n')
	if err != nil {
		c.t.Fatalf("got %q and %v, want a line %q", line, err, pattern)
	}
	line, ok := strings.CutSuffix(line, "\r\n")
	if !ok || !Match(pattern, line) {
		c.t.Fatalf("got line %q, want %q and CRLF", line, pattern)
	}
	return line
}

// ExpectEnd fails unless the peer has closed and left nothing to read.
func (c *Conn) ExpectEnd() {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(patience()))
	if _, err := c.in.Peek(1); err == nil {
		rest, _ := c.in.Peek(c.in.Buffered())
		c.t.Fatalf("got %q, want the end", rest)
	} else if err != io.EOF && !peerEnded(err) {
		// If a peer closes while bytes of ours are unread, the connection is reset.
		c.t.Fatalf("got %v, want the end", err)
	}
}

// CloseWrite closes the sending direction; the test can still read.
func (c *Conn) CloseWrite() {
	c.t.Helper()
	half, ok := c.conn.(interface{ CloseWrite() error })
	if !ok {
		c.t.Fatalf("a %T cannot be closed in one direction", c.conn)
	}
	if err := half.CloseWrite(); err != nil && !peerEnded(err) {
		c.t.Fatal(err)
	}
}

// Login sends AUTH CRAM-MD5, and answers the challenge correctly for this password.
// The final reply is left to be read.
func (c *Conn) Login(login, password string) {
	c.t.Helper()
	c.Send("AUTH CRAM-MD5\r\n")
	challenge := c.Challenge()
	c.Send(base64.StdEncoding.EncodeToString([]byte(login+" "+CRAM(password, challenge))) + "\r\n")
}

// Challenge reads a reply 334 and returns its text, decoded.
func (c *Conn) Challenge() string {
	c.t.Helper()
	line := c.Expect("334 *")
	challenge, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(line, "334 "))
	if err != nil {
		c.t.Fatalf("challenge %q: %v", line, err)
	}
	return string(challenge)
}

// CRAM returns the digest of RFC 2195 for a challenge.
func CRAM(password, challenge string) string {
	mac := hmac.New(md5.New, []byte(password))
	io.WriteString(mac, challenge)
	return hex.EncodeToString(mac.Sum(nil))
}

// Match reports if a text matches a pattern, in which * stands for any text.
func Match(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	first, parts := parts[0], parts[1:]
	text, ok := strings.CutPrefix(text, first)
	if !ok || len(parts) == 0 {
		return ok && text == ""
	}
	last, middle := parts[len(parts)-1], parts[:len(parts)-1]
	for _, part := range middle {
		if _, text, ok = strings.Cut(text, part); !ok {
			return false
		}
	}
	return strings.HasSuffix(text, last)
}

// Close closes the connection in both directions.
func (c *Conn) Close() { c.conn.Close() }

// Net returns the connection itself, for a test that continues by other means after
// the script. The peer must not have sent anything since.
func (c *Conn) Net() net.Conn { return c.conn }

// Package fdio reads and writes the descriptors that a chain of programs
// shares: 0 and 1 of a connection under tcpserver. They may be sockets, pipes
// or files, and other processes hold the same open file, so nothing here sets
// O_NONBLOCK or hands them to os.File (a failed write of that to a closed pipe kills
// a Go program): every wait is a poll(2), every transfer a raw system call.
package fdio

import (
	"errors"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// pipeChunk is what a pipe takes without blocking once poll says POLLOUT:
// POSIX promises no more than PIPE_BUF, at least 512 bytes; 4096 on Linux.
const pipeChunk = 512

// A Conn is one connection: a descriptor to read and one to write, which may be
// the same. It is used by one goroutine at a time.
type Conn struct {
	r, w             int
	rSocket, wSocket bool
	deadline         time.Time
	wake             []unix.PollFd // see Wake
	quiet            time.Time     // since when waits have brought nothing; zero before
	silent           func(fd int) bool
}

// New makes a Conn of two open descriptors, which it never closes.
func New(r, w int) *Conn {
	return &Conn{r: r, w: w, rSocket: isSocket(r), wSocket: isSocket(w), silent: silent}
}

func isSocket(fd int) bool {
	_, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	return err == nil
}

// SetDeadline bounds each Read, Write and Exchange that follows; the zero time
// lifts the bound.
func (c *Conn) SetDeadline(t time.Time) error {
	c.deadline = t
	return nil
}

// Read waits for bytes and returns what is there. It returns io.EOF at the end
// of the stream and ErrTimeout at the deadline.
func (c *Conn) Read(p []byte) (int, error) {
	_, n, err := c.Exchange(nil, p)
	return n, err
}

// Write writes all of p or returns why it could not.
func (c *Conn) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n, _, err := c.Exchange(p[done:], nil)
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// Exchange waits until it can write some of out or read some of in, does what
// it can of both without blocking, and returns how much. Either may be empty.
// A connection that is written to by both ends at once needs this: a peer that
// reads nothing before it has written everything would otherwise stop both.
func (c *Conn) Exchange(out, in []byte) (wrote, read int, err error) {
	for {
		canRead, canWrite, err := c.wait(len(in) > 0, len(out) > 0)
		if err != nil {
			return 0, 0, err
		}
		if canRead {
			read, err = c.read(in)
			if err != nil && err != errAgain {
				return 0, 0, err
			}
		}
		if canWrite {
			wrote, err = c.write(out)
			if err != nil && err != errAgain {
				return 0, read, &WriteError{err}
			}
		}
		if read > 0 || wrote > 0 {
			c.quiet = time.Time{}
			return wrote, read, nil
		}
	}
}

// A WriteError is a failed write: the peer takes no more, but what it said
// before may still wait to be read.
type WriteError struct{ Err error }

func (e *WriteError) Error() string { return "write: " + e.Err.Error() }
func (e *WriteError) Unwrap() error { return e.Err }

// WriteFailed tells a WriteError from other errors by its method.
func (e *WriteError) WriteFailed() bool { return true }

// PeerGone reports if an error of a read or a write only says that the peer, or the network
// to it, has gone. The end in order, io.EOF, is none.
func PeerGone(err error) bool {
	for _, gone := range []error{unix.ECONNRESET, unix.EPIPE, unix.ETIMEDOUT, unix.EHOSTUNREACH, unix.ENETUNREACH} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return false
}

// errAgain means that poll spoke too soon: another process that shares the
// descriptor was first, or the wake-up was spurious.
var errAgain = errors.New("not ready")

// Pending reports if bytes that nobody asked for can be read now. The end of
// the stream does not count.
func (c *Conn) Pending() bool {
	n, err := unix.IoctlGetInt(c.r, fionread)
	return err == nil && n > 0
}

func (c *Conn) read(p []byte) (int, error) {
	n, err := sys.RetryN(func() (int, error) {
		if !c.rSocket {
			return unix.Read(c.r, p)
		}
		n, _, err := unix.Recvfrom(c.r, p, unix.MSG_DONTWAIT)
		return n, err
	})
	if err == unix.EAGAIN {
		err = errAgain
	} else if err == nil && n == 0 {
		err = io.EOF
	}
	return max(n, 0), err
}

func (c *Conn) write(p []byte) (int, error) {
	n, err := sys.RetryN(func() (int, error) {
		if c.wSocket {
			return unix.SendmsgN(c.w, p, nil, nil, unix.MSG_DONTWAIT|noSignal)
		}
		return unix.Write(c.w, p[:min(len(p), pipeChunk)])
	})
	if err == unix.EAGAIN {
		err = errAgain
	}
	return max(n, 0), err
}

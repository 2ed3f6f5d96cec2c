// Package fdio reads and writes the descriptors that a chain of programs
// shares: 0 and 1 of a connection under tcpserver. They may be sockets, pipes
// or files, and other processes hold the same open file, so nothing here sets
// O_NONBLOCK or hands them to os.File (whose failed write to a closed pipe kills
// a Go program): every wait is a poll(2), every transfer a raw system call.
package fdio

import (
	"errors"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// ErrTimeout is returned when a deadline passes with nothing done. It has a
// Timeout method as the errors of package net have.
var ErrTimeout error = timeoutError{}

type timeoutError struct{}

func (timeoutError) Error() string { return "timed out" }
func (timeoutError) Timeout() bool { return true }

// pipeChunk is what a pipe takes without blocking once poll says POLLOUT:
// POSIX promises no more than PIPE_BUF, at least 512 bytes; 4096 on Linux.
const pipeChunk = 512

// A Conn is one connection: a descriptor to read and one to write, which may be
// the same. It is used by one goroutine at a time.
type Conn struct {
	r, w             int
	rSocket, wSocket bool
	deadline         time.Time
	wake             []int
	quiet            time.Time // since when waits have brought nothing; zero before
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

// ErrWoken is returned by Exchange, Read and Write where a descriptor that Wake
// named can be read. Nothing else was done.
var ErrWoken = errors.New("woken")

// Wake names descriptors that end each wait from now on as soon as they can be
// read. Who asked for that must read from them before the next wait.
func (c *Conn) Wake(fds ...int) { c.wake = fds }

// Rest waits while neither side owes the other anything, until bytes or the end
// of the stream can be read (readable), a descriptor that Wake named can be
// read, or until. It wakes for nothing else: that the line is dead shows only
// where something was sent.
func (c *Conn) Rest(until time.Time) (readable bool, err error) {
	c.quiet = time.Time{}
	for {
		fds := append([]unix.PollFd{{Fd: int32(c.r), Events: unix.POLLIN}}, c.wakers()...)
		timeout := 0
		if left := time.Until(until); left > 0 {
			timeout = int(min((left+time.Millisecond-1)/time.Millisecond, 1<<31-1))
		}
		ready, err := unix.Poll(fds, timeout)
		switch {
		case err == unix.EINTR || ready == 0 && time.Now().Before(until):
		case err != nil:
			return false, err
		default:
			return fds[0].Revents != 0 && !woken(fds[1:]), nil
		}
	}
}

// wakers are what to poll for Wake's sake.
func (c *Conn) wakers() []unix.PollFd {
	var fds []unix.PollFd
	for _, fd := range c.wake {
		fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	return fds
}

// woken says whether one of these descriptors is ready.
func woken(fds []unix.PollFd) bool {
	for i := range fds {
		if fds[i].Revents != 0 {
			return true
		}
	}
	return false
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

// errAgain says that poll spoke too soon: another process that shares the
// descriptor was first, or the wake-up was spurious.
var errAgain = errors.New("not ready")

// Pending says whether bytes that nobody asked for can be read now. The end of
// the stream does not count.
func (c *Conn) Pending() bool {
	n, err := unix.IoctlGetInt(c.r, fionread)
	return err == nil && n > 0
}

// wait polls both sides until one is ready or the deadline passes.
func (c *Conn) wait(wantRead, wantWrite bool) (canRead, canWrite bool, err error) {
	var space [4]unix.PollFd
	fds := space[:0]
	if wantRead {
		fds = append(fds, unix.PollFd{Fd: int32(c.r), Events: unix.POLLIN})
	}
	if wantWrite {
		fds = append(fds, unix.PollFd{Fd: int32(c.w), Events: unix.POLLOUT})
	}
	own := len(fds)
	fds = append(fds, c.wakers()...)
	if c.quiet.IsZero() {
		c.quiet = time.Now()
	}
	for {
		timeout, expired := c.timeout()
		ready, err := unix.Poll(fds, timeout)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return false, false, err
		case !woken(fds[:own]) && c.dead():
			return false, false, errSilent
		case ready == 0 && expired:
			return false, false, ErrTimeout
		case woken(fds[own:]):
			return false, false, ErrWoken
		case ready > 0:
			const broken = unix.POLLERR | unix.POLLHUP | unix.POLLNVAL
			i := 0
			if wantRead {
				canRead = fds[i].Revents&(unix.POLLIN|broken) != 0
				i++
			}
			if wantWrite {
				canWrite = fds[i].Revents&(unix.POLLOUT|broken) != 0
			}
			return canRead, canWrite, nil
		}
	}
}

// errSilent is returned where the peer's TCP no longer answers.
var errSilent = errors.New("the line is dead: what was sent is not acknowledged")

// glance is how long nothing must have come or gone before a wait looks whether the
// line is dead, and how often it does.
const glance = 15 * time.Second

// dead says whether the line is. Neither wakers nor deadlines put that off: a session
// that is woken by each new message waits anew each time.
func (c *Conn) dead() bool {
	return time.Since(c.quiet) >= glance && (c.rSocket && c.silent(c.r) || c.wSocket && c.silent(c.w))
}

// timeout returns poll's argument in milliseconds, at most a glance, which also
// bounds what a clock that is set back costs, and whether the deadline falls
// within it.
func (c *Conn) timeout() (ms int, last bool) {
	left := time.Until(c.deadline)
	switch {
	case c.deadline.IsZero() || left > glance:
		return int(glance.Milliseconds()), false
	case left <= 0:
		return 0, true
	}
	return int((left + time.Millisecond - 1) / time.Millisecond), true
}

func (c *Conn) read(p []byte) (int, error) {
	for {
		var n int
		var err error
		if c.rSocket {
			n, _, err = unix.Recvfrom(c.r, p, unix.MSG_DONTWAIT)
		} else {
			n, err = unix.Read(c.r, p)
		}
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return 0, errAgain
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (c *Conn) write(p []byte) (int, error) {
	for {
		var n int
		var err error
		if c.wSocket {
			n, err = unix.SendmsgN(c.w, p, nil, nil, unix.MSG_DONTWAIT|noSignal)
		} else {
			n, err = unix.Write(c.w, p[:min(len(p), pipeChunk)])
		}
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return 0, errAgain
		case err != nil:
			return 0, err
		default:
			return n, nil
		}
	}
}

// WriteAll writes p to a descriptor that may block, such as the pipe to a
// program that was just started.
func WriteAll(fd int, p []byte) error {
	for len(p) > 0 {
		n, err := unix.Write(fd, p)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// Close closes a descriptor that is no longer needed.
func Close(fd int) { _ = unix.Close(fd) }

// CloseOnExec keeps the programs that this one starts from inheriting
// descriptors that whoever started it left open, from first on.
func CloseOnExec(first int) {
	if closeRangeOnExec(first) {
		return
	}
	for fd := first; fd < inheritedMax; fd++ {
		unix.CloseOnExec(fd)
	}
}

// inheritedMax is where a search for inherited descriptors ends on systems that
// cannot name all: nobody hands so many down.
const inheritedMax = 256

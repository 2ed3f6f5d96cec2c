package fdio

import (
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// ErrTimeout is returned when a deadline passes with nothing done. It has a
// Timeout method as the errors of package net have.
var ErrTimeout error = timeoutError{}

type timeoutError struct{}

func (timeoutError) Error() string { return "timed out" }
func (timeoutError) Timeout() bool { return true }

// ErrWoken is returned by Exchange, Read and Write if a descriptor that Wake
// named can be read. Nothing else was done.
var ErrWoken = errors.New("woken")

// Wake names descriptors that end each wait from now on as soon as they can be
// read. The caller must read from them before the next wait.
func (c *Conn) Wake(fds ...int) {
	c.wake = nil
	for _, fd := range fds {
		c.wake = append(c.wake, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
}

// Rest waits while neither side owes the other anything, until bytes or the end
// of the stream can be read (readable), a descriptor that Wake named can be
// read, or until. Nothing else wakes it: a dead line shows only if something was
// sent.
func (c *Conn) Rest(until time.Time) (readable bool, err error) {
	c.quiet = time.Time{}
	for {
		fds := append([]unix.PollFd{{Fd: int32(c.r), Events: unix.POLLIN}}, c.wake...)
		ready, err := unix.Poll(fds, milliseconds(min(time.Until(until), 24*time.Hour)))
		if err == unix.EINTR || err == nil && ready == 0 && time.Now().Before(until) {
			continue
		}
		return err == nil && fds[0].Revents != 0 && !woken(fds[1:]), err
	}
}

// woken reports if one of these descriptors is ready.
func woken(fds []unix.PollFd) bool {
	return slices.ContainsFunc(fds, func(fd unix.PollFd) bool { return fd.Revents != 0 })
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
	fds = append(fds, c.wake...)
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
			canRead, canWrite = possible(fds[:own])
			return canRead, canWrite, nil
		}
	}
}

// possible says what can be done with the descriptors that were polled. If one is
// broken it counts: the call that meets it says how.
func possible(fds []unix.PollFd) (canRead, canWrite bool) {
	const broken = unix.POLLERR | unix.POLLHUP | unix.POLLNVAL
	for _, fd := range fds {
		can := fd.Revents&(fd.Events|broken) != 0
		canRead = canRead || can && fd.Events == unix.POLLIN
		canWrite = canWrite || can && fd.Events == unix.POLLOUT
	}
	return canRead, canWrite
}

// errSilent is returned if the peer's TCP no longer answers.
var errSilent = errors.New("the line is dead: what was sent is not acknowledged")

// glance is how long nothing must have come or gone before a wait looks if the
// connection is dead, and how often it looks.
const glance = 15 * time.Second

// dead reports if the connection is dead. Wake-ups and deadlines do not postpone this
// check: a session that each new message wakes begins a new wait each time.
func (c *Conn) dead() bool {
	return time.Since(c.quiet) >= glance && (c.rSocket && c.silent(c.r) || c.wSocket && c.silent(c.w))
}

// timeout returns poll's argument in milliseconds, at most a glance, which also
// bounds what a clock that is set back costs, and whether the deadline falls
// within it.
func (c *Conn) timeout() (ms int, last bool) {
	left := time.Until(c.deadline)
	if c.deadline.IsZero() || left > glance {
		return milliseconds(glance), false
	}
	return milliseconds(left), true
}

// milliseconds is a time as poll takes it, rounded up. Poll waits for ever if it is below 0.
func milliseconds(left time.Duration) int {
	return int((max(left, 0) + time.Millisecond - 1) / time.Millisecond)
}

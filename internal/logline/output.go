package logline

import (
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
	"vodmr/internal/sys"
)

// An Output is the descriptor of a log. The log's reader may stop: multilog does so for as
// long as its disk is full, and then the pipe to it fills. A session must not wait for that
// with the mail, and with the mailbox's lock. So a line waits for five seconds at most and is
// then left out, and the lines behind it do not wait until one is taken again. In front of
// that, a line tells how many are missing.
//
// The descriptor stays blocking, as other programs share it. So if many processes write to a
// pipe in the moment when it becomes full, one of them may still wait.
type Output struct {
	mu       sync.Mutex
	fd       int
	patience time.Duration
	missing  int

	start, end string // of the line about missing ones
}

// patience is how long a log may keep its writer waiting.
const patience = 5 * time.Second

// atOnce is what a pipe takes without waiting, in bytes, if it takes anything: PIPE_BUF of Linux.
const atOnce = 4096

// NewOutput makes an Output. The line about missing ones has start before its text, and end
// behind it.
func NewOutput(fd int, start, end string) *Output {
	return &Output{fd: fd, patience: patience, start: start, end: end}
}

// Write writes some lines, or leaves them out. It never fails: the mail matters more than its
// log.
func (o *Output) Write(lines []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.missing > 0 && o.take(o.lineOfMissing()) {
		o.missing = 0
	}
	if o.missing > 0 || !o.take(lines) {
		o.missing++
	}
	return len(lines), nil
}

// take writes as long as the descriptor takes anything in time. A closed one does, with an
// error.
func (o *Output) take(lines []byte) bool {
	wait := o.patience
	if o.missing > 0 {
		wait = 0
	}
	for len(lines) > 0 {
		if !fdio.Writable(o.fd, time.Now().Add(wait)) {
			return false
		}
		n, err := sys.RetryN(func() (int, error) { return unix.Write(o.fd, lines[:min(len(lines), atOnce)]) })
		if err != nil || n <= 0 {
			return true
		}
		lines = lines[n:]
	}
	return true
}

func (o *Output) lineOfMissing() []byte {
	return []byte(o.start + "nobody took the log, so lines are missing here: " + strconv.Itoa(o.missing) + o.end + "\n")
}

// Package starter owns the way in which a process that may start no program still gets one
// program started. Before it gives up its rights it forks a second process, the starter, which
// keeps them, and which does one thing: it starts the program with three descriptors that it
// is sent, and says how the program ended. The starter reads nothing but these requests.
//
// On Linux a process that is confined by Landlock cannot run a program with a setuid or
// setgid bit, such as qmail-queue or Postfix's postdrop, and neither can its children. So
// the starter must be there before. It is a fork without exec, since each session has one:
// it keeps its stack and the text of the program, some 40 KiB, where a program of its own would
// need a megabyte.
package starter

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
)

// A Command is the program that a starter starts.
type Command struct {
	Path    string // relative to Dir, or absolute
	Argv    []string
	Environ []string
	Dir     string
}

// A Run is the program while it runs.
type Run struct {
	socket int
	failed bool
	killed bool
	giveUp func() // of the starter
	cause  error  // see Cause
}

// Ended is a descriptor that can be read once the program has ended.
func (r *Run) Ended() int { return r.socket }

// killTime is how long a program that was killed may take to end.
const killTime = 10 * time.Second

// Wait waits for the program's end. It is called once. If the starter is gone, nobody
// knows how the program ended, and the status is that of a failure. The same holds if a
// program that was killed does not end: then the starter is given up.
func (r *Run) Wait() unix.WaitStatus {
	status, err := r.await()
	if err != nil {
		r.cause = fmt.Errorf("the program's end is not known: %w", err)
		return exitUnknown << 8
	}
	if status&notStarted != 0 {
		r.cause = fmt.Errorf("it could not be started: %w", unix.Errno(status&^notStarted))
		return exitNotRun << 8
	}
	return status
}

func (r *Run) await() (unix.WaitStatus, error) {
	if r.failed {
		return 0, errGone
	}
	if r.killed && !fdio.Readable(time.Now().Add(killTime), r.socket) {
		r.giveUp()
		return 0, errors.New("it does not end, though it was killed")
	}
	return receiveStatus(r.socket)
}

var errGone = errors.New("the process that starts programs is gone")

// Cause is why the status that Wait returned is not the program's own; nil if it is.
func (r *Run) Cause() error { return r.cause }

// Kill ends the program.
func (r *Run) Kill() {
	r.failed = send(r.socket, requestKill) != nil || r.failed
	r.killed = true
}

// Close has nothing to close: the starter stays for the next program.
func (r *Run) Close() {}

const (
	requestStart = 's'
	requestKill  = 'k'
	// notStarted marks a status that is an errno: there was no process.
	notStarted = 1 << 31
	// exitUnknown is the exit code that means try again later.
	exitUnknown = 111
	// exitNotRun is qmail-queue's for a program that cannot be run.
	exitNotRun = 120
)

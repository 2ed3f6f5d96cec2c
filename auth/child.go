package auth

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/child"
	"vodmr/internal/fdio"
	"vodmr/internal/sys"
)

// An attempt is a checkpassword program that runs, or what it became.
type attempt struct {
	*child.Child
	proof  int  // the byte of a right password comes here
	killed bool // it was still busy at the deadline
}

// proved waits for the byte that proves a right password, for the end of the
// pipe that would carry it, or for the child's end, whichever is first. Without
// the byte it returns after the child's end, and kills it at the deadline.
func (a *attempt) proved(deadline time.Time) bool {
	fdio.Readable(deadline, a.proof, a.Ended())
	if a.gotByte() {
		return true
	}
	if !fdio.Readable(deadline, a.Ended()) {
		a.killed = true
		a.Signal(unix.SIGKILL)
		fdio.Readable(time.Time{}, a.Ended())
	}
	// A byte that came meanwhile counts: its writer has the connection.
	return a.gotByte()
}

// gotByte reads a byte of proof if one is there.
func (a *attempt) gotByte() bool {
	if !fdio.Readable(time.Unix(1, 0), a.proof) {
		return false
	}
	var b [1]byte
	n, _ := sys.RetryN(func() (int, error) { return unix.Read(a.proof, b[:]) })
	return n == 1
}

// reason says why a child that ended without a proof did so. Exit 1 is
// checkpassword's refusal; vchkpw also says 3 for a wrong password and an
// unknown user, 12 and 13 for empty fields, 20 to 24 for a login that it cannot
// mean.
func (a *attempt) reason() error {
	status := a.Wait()
	switch code := status.ExitStatus(); {
	case a.killed:
		return fmt.Errorf("the checkpassword program was still busy and was killed")
	case status.Signaled():
		return fmt.Errorf("the checkpassword program died of %s", unix.SignalName(status.Signal()))
	case code == 1, code == 3, code == 12, code == 13, 20 <= code && code <= 24:
		return fmt.Errorf("%w: the checkpassword program exited %d", ErrRefused, code)
	case code == 0:
		return fmt.Errorf("the checkpassword program exited 0 but nothing wrote to descriptor %s", authFD)
	default:
		return fmt.Errorf("the checkpassword program exited %d", code)
	}
}

// close closes this end of the pipes. The child runs on.
func (a *attempt) close() {
	unix.Close(a.proof)
	a.Close()
}

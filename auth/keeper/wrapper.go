package keeper

import (
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
	"vodmr/internal/sys"
	"vodmr/internal/ucspi"
)

// A Wrapper is the program that started this one and begins TLS on request, by
// UCSPI-TLS.
type Wrapper struct{ control, read, write int }

// FindWrapper returns the wrapper that an environment tells of, nil for none. One
// that cannot be used is never open.
func FindWrapper(get func(string) string) *Wrapper {
	if get(ucspi.Control) == "" {
		return nil
	}
	w := &Wrapper{control: descriptor(get(ucspi.Control)), read: descriptor(get(ucspi.Read)), write: descriptor(get(ucspi.Write))}
	if w.read < 0 || w.write < 0 {
		w.control = -1
	}
	return w
}

// descriptor reads the number of a descriptor beyond the first three, -1 for
// none.
func descriptor(number string) int {
	fd, err := strconv.ParseInt(number, 10, 32)
	if err != nil || fd <= 2 {
		return -1
	}
	return int(fd)
}

// Open reports if the control descriptor's other end is open. A wrapper has nothing
// to say before it is asked, so whatever poll finds there is trouble: the end of
// file, above all.
func (w *Wrapper) Open() bool {
	if w.control < 0 {
		return false
	}
	fds := []unix.PollFd{{Fd: int32(w.control), Events: unix.POLLIN}}
	n, err := sys.RetryN(func() (int, error) { return unix.Poll(fds, 0) })
	return err == nil && n == 0
}

// Begin has it shake hands, puts the customer, inside TLS, on descriptors 0 and 1, and
// returns the variables that tell of the handshake.
func (w *Wrapper) Begin(until time.Time) (variables []string, err error) {
	// The wrapper carries the turned connection too, which may pause.
	fdio.NoUserTimeout(0)
	control := fdio.New(w.control, w.control)
	_ = control.SetDeadline(until)
	if _, err := control.Write([]byte("Y")); err != nil {
		return nil, fmt.Errorf("asking the TLS program: %w", err)
	}
	if variables, err = ucspi.ReadList(control); err != nil {
		return nil, err
	}
	unix.Close(w.control)
	return variables, onto([2]int{w.read, w.write})
}

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
)

// A wrapper is the program that started this one and does TLS when asked, by
// UCSPI-TLS: `Y` on the control descriptor asks for it, the answer there is what
// the handshake found, and the customer is then on the other two descriptors.
type wrapper struct {
	control, read, write int
	found                func(variables []string) // takes what the handshake found
}

// findWrapper returns the wrapper that an environment tells of, nil for none. One
// that cannot be used is never open.
func findWrapper(get func(string) string, found func([]string)) *wrapper {
	if get("SSLCTLFD") == "" {
		return nil
	}
	w := &wrapper{descriptor(get("SSLCTLFD")), descriptor(get("SSLREADFD")), descriptor(get("SSLWRITEFD")), found}
	for _, fd := range w.descriptors() {
		if fd < 0 {
			w.control = -1
		}
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

func (w *wrapper) descriptors() []int { return []int{w.control, w.read, w.write} }

// open says whether the control descriptor's other end is. A wrapper has nothing
// to say before it is asked, so that whatever poll finds there is trouble: the
// end of file, above all.
func (w *wrapper) open() bool {
	if w.control < 0 {
		return false
	}
	fds := []unix.PollFd{{Fd: int32(w.control), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 0)
		if err != unix.EINTR {
			return err == nil && n == 0
		}
	}
}

// begin puts the customer, inside TLS, on descriptors 0 and 1.
func (w *wrapper) begin(until time.Time) (connection, error) {
	// The wrapper carries the turned connection too, which may pause.
	fdio.NoUserTimeout(0)
	control := fdio.New(w.control, w.control)
	_ = control.SetDeadline(until)
	if _, err := control.Write([]byte("Y")); err != nil {
		return nil, fmt.Errorf("asking the TLS program: %w", err)
	}
	variables, err := readVariables(control)
	if err != nil {
		return nil, err
	}
	for fd, side := range []int{w.read, w.write} {
		if err := unix.Dup2(side, fd); err != nil {
			return nil, fmt.Errorf("descriptor %d: %w", side, err)
		}
	}
	for _, fd := range w.descriptors() {
		unix.Close(fd)
	}
	w.found(variables)
	return fdio.New(0, 1), nil
}

// maxVariables bounds what a wrapper tells, in bytes: a client's certificate may
// be among it.
const maxVariables = 128 << 10

// errNoHandshake is all that can be told of a handshake that failed: the wrapper
// closes the control descriptor, and logs why.
var errNoHandshake = errors.New("no handshake")

// readVariables reads `NAME=value NUL ... NUL`, an empty one last, and returns
// those that tell of TLS. Nothing else is for a wrapper to set.
func readVariables(r io.Reader) (variables []string, err error) {
	var text []byte
	buf := make([]byte, 4096)
	for !ended(text) {
		n, err := r.Read(buf)
		text = append(text, buf[:n]...)
		switch {
		case len(text) > maxVariables:
			return nil, fmt.Errorf("the TLS program tells more than %d bytes", maxVariables)
		case err == io.EOF && !ended(text):
			return nil, errNoHandshake
		case err != nil && err != io.EOF:
			return nil, fmt.Errorf("waiting for the handshake: %w", err)
		}
	}
	for setting := range strings.SplitSeq(string(text), "\x00") {
		if isTLSVariable(setting) {
			variables = append(variables, setting)
		}
	}
	return variables, nil
}

// ended says whether the empty variable has come.
func ended(text []byte) bool {
	return string(text) == "\x00" || bytes.HasSuffix(text, []byte{0, 0})
}

// isTLSVariable says whether a NAME=value is about TLS: SSL_PROTOCOL and the
// like.
func isTLSVariable(setting string) bool { return strings.HasPrefix(setting, "SSL_") }

package tlswrap

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"vodmr/internal/child"
	"vodmr/internal/fdio"
	"vodmr/internal/sys"
	"vodmr/internal/ucspi"
)

// Descriptors that the program finds, with TLS on request. The last two are one
// socket: some programs move one of them and close it.
const (
	controlFD = 3 + iota
	readFD
	writeFD
)

// onRequest runs the program on the customer's own socket and waits until it
// asks for TLS on the control descriptor.
func (s *server) onRequest() int {
	control, controlEnd, err1 := fdio.Pair()
	plain, plainEnd, err2 := fdio.Pair()
	if err := errors.Join(err1, err2); err != nil {
		return s.fail(err)
	}
	if s.tls == nil {
		// The program looks whether anybody is here before it offers TLS.
		sys.Close(control)
	}
	data := uintptr(plainEnd)
	program, err := start(s.Program, append(s.Environ,
		ucspi.Control+"="+strconv.Itoa(controlFD),
		ucspi.Read+"="+strconv.Itoa(readFD),
		ucspi.Write+"="+strconv.Itoa(writeFD),
	), []uintptr{0, 1, 2, uintptr(controlEnd), data, data}, s.program)
	if err != nil {
		return s.fail(err)
	}
	sys.Close(controlEnd, plainEnd)
	if err := s.self.Enter(); err != nil {
		s.report(err)
		s.tls = nil
		sys.Close(control)
	}
	if s.tls == nil {
		return leave(program)
	}
	return s.await(control, plain, program)
}

// leave lets the program have the connection to itself: the customer must see
// the end when the program closes it.
func leave(p *child.Child) int {
	sys.Close(0, 1)
	return p.ExitCode()
}

// await reads the one byte that asks for TLS: Y, or y if the program does not
// want the variables. Nothing of the customer's is read before that.
func (s *server) await(control, plain int, p *child.Child) int {
	var command [1]byte
	_, err := newPlainReader(control, p.Ended()).Read(command[:])
	if err != nil || command[0] != 'Y' && command[0] != 'y' {
		if err == nil {
			err = fmt.Errorf("the program sent %q on SSLCTLFD, not Y", command[0])
		}
		if err != io.EOF {
			s.report(err)
		}
		sys.Close(control, plain)
		return leave(p)
	}
	outer, conn, err := s.handshake()
	if err != nil {
		s.report(err)
		// All that follows would be plain text, and the customer expects TLS.
		_ = newSocket(0, 1).Close()
		sys.Close(control, plain)
		return leave(p)
	}
	if command[0] == 'Y' {
		_, err := fdio.New(control, control).Write(ucspi.Encode(variables(conn.ConnectionState())))
		s.report(fault(err))
	}
	sys.Close(control)
	return s.carry(tunnel{outer, conn, plain, p.Ended()}, p)
}

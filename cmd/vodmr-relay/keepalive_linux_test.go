package main

import (
	"testing"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// A customer's server may take nothing for a while, so that vodmr's limit does not
// outlive the login.
func TestUserTimeoutEnds(t *testing.T) {
	m := newMailbox(t)
	customer, socket := dialogue.TCPPair(t)
	fd := int(socket.Fd())
	require.OK(t, unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 60000))
	m.cmd.Stdin, m.cmd.Stdout = socket, socket
	require.OK(t, m.cmd.Start())
	customer.Run(`S: 235 *`)
	if got, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT); got != 0 || err != nil {
		t.Errorf("TCP_USER_TIMEOUT is %d, %v", got, err)
	}
	customer.Run(`
		C: QUIT
		S: 221 *
	`)
	require.OK(t, m.cmd.Wait())
}

package main

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/dialogue"
)

// userTimeout reads a socket's TCP_USER_TIMEOUT in milliseconds.
func userTimeout(t *testing.T, socket *os.File) int {
	t.Helper()
	ms, err := unix.GetsockoptInt(int(socket.Fd()), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
	if err != nil {
		t.Fatal(err)
	}
	return ms
}

// A customer that vodmr answers always reads: its TCP has a minute. A TLS program
// gets the socket back as it was, since it carries the turned connection too.
func TestUserTimeout(t *testing.T) {
	control, controlEnd := dialogue.Pair(t)
	inside, data := dialogue.Pair(t)
	customer, socket := dialogue.TCPPair(t)
	cmd := exec.Command(bin+"/vodmr", "h", "true")
	cmd.Env = append(os.Environ(), "SSLCTLFD=3", "SSLREADFD=4", "SSLWRITEFD=5")
	cmd.ExtraFiles = []*os.File{controlEnd, data, data}
	cmd.Stdin, cmd.Stdout = socket, socket
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	controlEnd.Close()
	data.Close()

	customer.Run(`S: 220 *`)
	if got := userTimeout(t, socket); got != 60000 {
		t.Errorf("TCP_USER_TIMEOUT is %d, want a minute", got)
	}
	customer.Run(`
		C: STARTTLS
		S: 220 *
	`)
	wrapped{t: t, control: control}.asked()
	if got := userTimeout(t, socket); got != 0 {
		t.Errorf("with the TLS program TCP_USER_TIMEOUT is %d, want none", got)
	}
	control.Send("\x00")
	inside.Run(`
		C: QUIT
		S: 221 *
	`)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

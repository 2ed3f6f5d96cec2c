package main

import (
	"net"
	"os/exec"
	"testing"

	"vodmr/test/kit/dialogue"
)

func overTCP(t *testing.T, wrapped *exec.Cmd) (net.Conn, func() (int, string)) {
	t.Helper()
	address, end := dialogue.UnderTCPServer(t, wrapped)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, end
}

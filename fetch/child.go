package fetch

import (
	"net"
	"os"
	"syscall"

	"vodmr/internal/child"
	"vodmr/internal/fdio"
)

// startOnSocket starts a program with one end of a socket pair as descriptors 0 and 1
// and returns the other end.
func startOnSocket(path string, argv, environ []string) (*net.UnixConn, *child.Child, error) {
	ours, theirs, err := fdio.Pair()
	if err != nil {
		return nil, nil, err
	}
	defer fdio.Close(theirs)
	file := os.NewFile(uintptr(ours), "socket")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, nil, err
	}
	started, err := child.Start(path, argv, &syscall.ProcAttr{
		Env:   environ,
		Files: []uintptr{uintptr(theirs), uintptr(theirs), 2},
	})
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn.(*net.UnixConn), started, nil
}

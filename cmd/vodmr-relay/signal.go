package main

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"vodmr/fdio"
)

// terminated returns a descriptor that can be read once SIGTERM has come, which
// from now on does not kill this process. Only a session that stands asks for it.
func terminated() (fd int, err error) {
	var ends [2]int
	if err := unix.Pipe(ends[:]); err != nil {
		return -1, err
	}
	unix.CloseOnExec(ends[0])
	unix.CloseOnExec(ends[1])
	came := make(chan os.Signal, 1)
	signal.Notify(came, unix.SIGTERM)
	go func() {
		<-came
		_ = fdio.WriteAll(ends[1], []byte{0})
	}()
	return ends[0], nil
}

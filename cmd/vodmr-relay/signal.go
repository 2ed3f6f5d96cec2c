package main

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
)

// terminated returns a descriptor that can be read once SIGTERM has come, which
// from now on does not kill this process. Only a standing session asks for it.
func terminated() (fd int, err error) {
	r, w, err := fdio.Pipe()
	if err != nil {
		return -1, err
	}
	came := make(chan os.Signal, 1)
	signal.Notify(came, unix.SIGTERM)
	go func() {
		<-came
		_ = fdio.WriteAll(w, []byte{0})
	}()
	return r, nil
}

// abort ends the connection and this process. A thread that waits for a file system keeps
// the process and its descriptors alive, so the connection is ended first.
func abort() {
	fdio.Hangup(0, 1)
	os.Exit(exitTemporary)
}

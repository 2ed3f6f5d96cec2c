//go:build !linux || !(amd64 || arm64)

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

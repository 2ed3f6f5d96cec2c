//go:build !linux || !(amd64 || arm64)

package main

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
)

// writeAtSIGTERM has SIGTERM write to a pipe.
func writeAtSIGTERM(pipe int) error {
	came := make(chan os.Signal, 1)
	signal.Notify(came, unix.SIGTERM)
	go func() {
		<-came
		_ = fdio.WriteAll(pipe, []byte{0})
	}()
	return nil
}

package main

import (
	"os"

	"vodmr/internal/fdio"
)

// abort ends the connection and this process. A thread that waits for a file system keeps
// the process and its descriptors alive, so the connection is ended first.
func abort() {
	fdio.Hangup(0, 1)
	os.Exit(exitTemporary)
}

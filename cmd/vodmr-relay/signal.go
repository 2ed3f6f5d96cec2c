package main

import (
	"os"

	"vodmr/internal/fdio"
)

// terminated returns a descriptor that can be read once SIGTERM has come, which
// from now on does not kill this process. Only a standing session asks for it.
func terminated() (fd int, err error) {
	r, w, err := fdio.Pipe()
	if err == nil {
		err = writeAtSIGTERM(w)
	}
	if err != nil {
		return -1, err
	}
	return r, nil
}

// abort ends the connection and this process. A thread that waits for a file system keeps
// the process and its descriptors alive, so the connection is ended first.
func abort() {
	fdio.Hangup(0, 1)
	os.Exit(exitTemporary)
}

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
)

// A tripwire is trip before a program: something happens at a call. strace(1)
// can do that too, but counts each thread's calls for itself: what a Go program
// does once its scheduler has changed threads is then never met.
type tripwire struct {
	trial *trial
	file  string
	wrap  []string
}

// trips says whether trip works here.
func trips() bool { return runtime.GOOS == "linux" && runtime.GOARCH == "amd64" }

// wire makes one: what is trip's WHAT for the nth call.
func (t *trial) wire(call, what string, nth int) *tripwire {
	file := t.told()
	return &tripwire{t, file, []string{filepath.Join(t.bin, "trip"), "-o", file, call, strconv.Itoa(nth), what}}
}

// struck says whether it happened, and whether in the program itself. Where trip
// could not do it, as it does not know the call, the trial is broken.
func (w *tripwire) struck() (anywhere, program bool) {
	text, err := os.ReadFile(w.file)
	if err != nil {
		w.trial.broken = err
	}
	return bytes.HasPrefix(text, []byte("struck ")), bytes.HasPrefix(text, []byte("struck program\n"))
}

// told is the file in which trip tells what happened.
func (t *trial) told() string { return filepath.Join(t.dir, "trip") }

// calls is how many calls trip counted, where it told.
func (t *trial) calls() (n int, known bool) {
	text, _ := os.ReadFile(t.told())
	_, number, known := bytes.Cut(text, []byte("calls "))
	n, err := strconv.Atoi(string(bytes.TrimSpace(number)))
	return n, known && err == nil
}

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
)

// An injector is inject before a program: something happens at a call. strace(1)
// can do that too, but counts each thread's calls for itself: what a Go program
// does once its scheduler has changed threads is then never met.
type injector struct {
	trial *trial
	file  string
	wrap  []string
}

// canInject says whether inject works here.
func canInject() bool { return runtime.GOOS == "linux" && runtime.GOARCH == "amd64" }

// wire makes one: what is inject's WHAT for the nth call.
func (t *trial) wire(call, what string, nth int) *injector {
	file := t.injectReport()
	return &injector{t, file, []string{filepath.Join(t.bin, "inject"), "-o", file, call, strconv.Itoa(nth), what}}
}

// struck says whether it happened, and whether in the program itself. If inject
// could not do it, as it does not know the call, the trial is broken.
func (w *injector) struck() (anywhere, program bool) {
	text, err := os.ReadFile(w.file)
	if err != nil {
		w.trial.broken = err
	}
	return bytes.HasPrefix(text, []byte("struck ")), bytes.HasPrefix(text, []byte("struck program\n"))
}

// told is the file in which inject tells what happened.
func (t *trial) injectReport() string { return filepath.Join(t.dir, "inject") }

// calls is how many calls inject counted, where it told.
func (t *trial) calls() (n int, known bool) {
	text, _ := os.ReadFile(t.injectReport())
	_, number, known := bytes.Cut(text, []byte("calls "))
	n, err := strconv.Atoi(string(bytes.TrimSpace(number)))
	return n, known && err == nil
}

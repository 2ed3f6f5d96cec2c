package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
)

// An injector runs inject before a program, so that a system call of it fails or
// kills it. strace(1) can do this too, but it counts the calls of each thread
// separately: since Go's scheduler moves a program from thread to thread, many calls
// would never be reached.
type injector struct {
	trial *trial
	file  string
	wrap  []string
}

// canInject reports if inject works on this system.
func canInject() bool { return runtime.GOOS == "linux" && runtime.GOARCH == "amd64" }

// wire makes an injector: what is inject's WHAT, for the nth call.
func (t *trial) wire(call, what string, nth int) *injector {
	file := t.injectReport()
	return &injector{t, file, []string{filepath.Join(t.bin, "inject"), "-o", file, call, strconv.Itoa(nth), what}}
}

// struck reports if the fault happened at all, and if it happened in the program
// itself. If inject could not do it, for example because it does not know the call,
// the trial is broken.
func (w *injector) struck() (anywhere, program bool) {
	text, err := os.ReadFile(w.file)
	if err != nil {
		w.trial.broken = err
	}
	return bytes.HasPrefix(text, []byte("struck ")), bytes.HasPrefix(text, []byte("struck program\n"))
}

// injectReport is the file in which inject reports what happened.
func (t *trial) injectReport() string { return filepath.Join(t.dir, "inject") }

// calls is the number of calls that inject counted, if it reported one.
func (t *trial) calls() (n int, known bool) {
	text, _ := os.ReadFile(t.injectReport())
	_, number, known := bytes.Cut(text, []byte("calls "))
	n, err := strconv.Atoi(string(bytes.TrimSpace(number)))
	return n, known && err == nil
}

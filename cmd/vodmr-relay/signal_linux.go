//go:build amd64 || arm64

package main

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
)

// terminated returns a descriptor that can be read once SIGTERM has come, which
// from now on does not kill this process. Only a standing session asks for it.
//
// Package os/signal would do this too, but with three threads that stay as long as the session
// stands, which are a tenth of its memory. So the handler here takes the place of Go's, and all
// but its address stays as Go has it.
func terminated() (fd int, err error) {
	r, w, err := fdio.Pipe()
	if err == nil {
		err = unix.SetNonblock(w, true)
	}
	if err != nil {
		return -1, err
	}
	terminating.pipe = uintptr(w)
	var action [4]uint64 // the kernel's struct sigaction
	handler := onSIGTERM
	err = sigaction(nil, &action)
	action[0] = uint64(**(**uintptr)(unsafe.Pointer(&handler)))
	if err == nil {
		err = sigaction(&action, nil)
	}
	if err != nil {
		return -1, fmt.Errorf("sigaction: %w", err)
	}
	return r, nil
}

func sigaction(action, old *[4]uint64) error {
	_, _, errno := syscall.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGTERM),
		uintptr(unsafe.Pointer(action)), uintptr(unsafe.Pointer(old)), unsafe.Sizeof(action[0]), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// terminating is for onSIGTERM alone, to which the kernel gives nothing of ours.
var terminating struct {
	pipe   uintptr
	letter [1]byte
}

// onSIGTERM is called by the kernel, in any thread and at any time. So it makes one system call
// and nothing else, and needs nothing of Go's runtime, as in package starter.
//
//go:nosplit
//go:norace
//go:nocheckptr
func onSIGTERM() {
	syscall.RawSyscall(unix.SYS_WRITE, terminating.pipe, uintptr(unsafe.Pointer(&terminating.letter)), 1)
}

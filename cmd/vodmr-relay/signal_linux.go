//go:build amd64 || arm64

package main

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// writeAtSIGTERM has SIGTERM write to a pipe. Package os/signal would do this too, but with three threads that stay as long as the session
// stands, which are a tenth of its memory. So the handler here takes the place of Go's, and all
// but its address stays as Go has it.
func writeAtSIGTERM(pipe int) error {
	if err := unix.SetNonblock(pipe, true); err != nil {
		return err
	}
	terminating.pipe = uintptr(pipe)
	var action [4]uint64 // the kernel's struct sigaction
	if err := sigaction(nil, &action); err != nil {
		return err
	}
	handler := onSIGTERM
	action[0] = uint64(**(**uintptr)(unsafe.Pointer(&handler)))
	return sigaction(&action, nil)
}

func sigaction(action, old *[4]uint64) error {
	_, _, errno := syscall.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGTERM),
		uintptr(unsafe.Pointer(action)), uintptr(unsafe.Pointer(old)), unsafe.Sizeof(action[0]), 0, 0)
	if errno != 0 {
		return fmt.Errorf("sigaction: %w", errno)
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

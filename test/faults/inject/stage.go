//go:build linux && amd64

package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// stageName is the name under which inject starts itself to become the program. This
// stage, which is already traced, asks the kernel to stop it only at calls of one
// number; that is much faster than stopping at every call.
const stageName = "inject-stage"

// stage parses os.Args of a stage: the number of the call, and the program.
func stage(args []string) error {
	runtime.LockOSThread()
	number, err := strconv.ParseUint(args[0], 10, 32)
	if err != nil {
		return err
	}
	if err := filter(uint32(number)); err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	return syscall.Exec(args[1], args[1:], os.Environ())
}

// filter installs a filter that stops at one call (seccomp(2)).
func filter(number uint32) error {
	const retTrace, retAllow = 0x7ff00000, 0x7fff0000
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // the number is the first word
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: number},
		{Code: unix.BPF_RET | unix.BPF_K, K: retTrace},
		{Code: unix.BPF_RET | unix.BPF_K, K: retAllow},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	const setFilter = 1
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, setFilter, 0, uintptr(unsafe.Pointer(&filter)))
	if errno != 0 {
		return errno
	}
	return nil
}

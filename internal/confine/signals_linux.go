//go:build linux && (amd64 || arm64)

package confine

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forbidSignals keeps this process, all its threads, from sending another process a signal
// and from changing its limits: the talkers of all customers have one account. A kernel
// before 6.12 has no Landlock for that. A kernel without seccomp(2), or a service manager
// that forbids it, leaves this out.
func forbidSignals() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// The threads to which the kernel copies the filter get this, too.
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	filter := signalFilter(uint32(os.Getpid()))
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&program)))
	switch errno {
	case 0, unix.ENOSYS, unix.EINVAL, unix.EPERM:
		return nil
	}
	return errno
}

// Offsets in the kernel's struct seccomp_data, on machines whose low byte comes first.
const (
	callOffset = 0
	archOffset = 4
	argOffset  = 16 // the low half of the first argument
)

// foreignCalls is where the numbers of another calling convention begin (x32 on amd64).
const foreignCalls = 0x40000000

// signalFilter lets all calls pass but those that reach other processes. Go's runtime sends
// its own threads signals by tgkill, and asks for its own limits as process 0.
func signalFilter(self uint32) []unix.SockFilter {
	never := []uint32{unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_PIDFD_SEND_SIGNAL}
	onlySelf := []uint32{unix.SYS_TGKILL, unix.SYS_RT_TGSIGQUEUEINFO, unix.SYS_PRLIMIT64}
	var f []unix.SockFilter
	load := func(offset uint32) {
		f = append(f, unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset})
	}
	jump := func(test uint16, k uint32, yes, no int) {
		f = append(f, unix.SockFilter{Code: unix.BPF_JMP | test | unix.BPF_K, Jt: uint8(yes), Jf: uint8(no), K: k})
	}
	const own = 3 // instructions between the list and the refusal: the look at the argument
	calls := len(never) + len(onlySelf)
	load(archOffset)
	jump(unix.BPF_JEQ, auditArch, 0, 2+calls+1+own)
	load(callOffset)
	jump(unix.BPF_JGE, foreignCalls, calls+1+own, 0)
	for i, call := range never {
		jump(unix.BPF_JEQ, call, calls-i-1+1+own, 0)
	}
	for i, call := range onlySelf {
		jump(unix.BPF_JEQ, call, len(onlySelf)-i-1+1, 0)
	}
	ret := func(value uint32) { f = append(f, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: value}) }
	ret(unix.SECCOMP_RET_ALLOW)
	load(argOffset)
	jump(unix.BPF_JEQ, 0, 2, 0)
	jump(unix.BPF_JEQ, self, 1, 0)
	ret(unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM))
	ret(unix.SECCOMP_RET_ALLOW)
	return f
}

package rights

import (
	"errors"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// seccomp forbids system calls that such a process never needs: those that start programs or
// processes, and those that reach other processes. The answer is EPERM. Where the numbers of
// the calls are not known here, Landlock alone must do.
func (r Rights) seccomp() error {
	arch, known := map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}[runtime.GOARCH]
	if !known {
		return nil
	}
	// A program that is linked with C does not have no_new_privs in each thread, see
	// GainNothing. It comes to all others from this thread, with the filter. No other
	// program locks itself to a thread: Go would keep one more for that, for good.
	if on, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err != nil || on != 1 {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return err
		}
	}
	filter := r.filter(arch)
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	unsynced, _, errno := syscall.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno == unix.ENOSYS || errno == unix.EINVAL || errno == unix.EPERM {
		return nil // a kernel without filters, or a service manager that forbids them
	}
	if errno != 0 {
		return errno
	}
	if unsynced != 0 {
		return errors.New("a thread has a filter of its own")
	}
	return nil
}

// Offsets in the kernel's struct seccomp_data, for machines with the low half first.
const (
	offsetCall = 0
	offsetArch = 4
	offsetArg0 = 16
)

const (
	allow  = unix.SECCOMP_RET_ALLOW
	refuse = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	// missing makes Go's runtime and others take clone in place of clone3, the flags
	// of which a filter cannot see.
	missing = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
)

// filter is the program that the kernel asks about each call.
func (r Rights) filter(arch uint32) []unix.SockFilter {
	f := []unix.SockFilter{load(offsetArch), skipIf(arch, 1), answer(refuse), load(offsetCall)}
	// The other numbers of amd64, with 32-bit pointers (x32).
	f = append(f, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: 0x40000000, Jf: 1}, answer(refuse))
	for _, call := range r.forbidden() {
		f = append(f, skipUnless(call, 1), answer(refuse))
	}
	f = append(f, skipUnless(unix.SYS_CLONE3, 1), answer(missing))
	// A clone must be a thread.
	f = append(f, skipUnless(unix.SYS_CLONE, 4), load(offsetArg0),
		unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: unix.CLONE_THREAD, Jf: 1}, answer(allow), answer(refuse))
	// A signal must be for this process, and so must a limit; 0 means this one too. Go's
	// runtime sends its own threads signals.
	for _, call := range []uint32{unix.SYS_TGKILL, unix.SYS_PRLIMIT64} {
		f = append(f, skipUnless(call, 5), load(offsetArg0), skipIf(0, 1), skipUnless(uint32(unix.Getpid()), 1), answer(allow), answer(refuse))
	}
	if r.none() {
		f = append(f, skipUnless(unix.SYS_SOCKET, 4), load(offsetArg0), skipUnless(unix.AF_UNIX, 1), answer(allow), answer(refuse))
	}
	return append(f, answer(allow))
}

// forbidden are the calls that are never allowed.
func (r Rights) forbidden() []uint32 {
	calls := []uint32{
		unix.SYS_EXECVE, unix.SYS_EXECVEAT,
		unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_KCMP,
		unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO,
		unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_GETFD, unix.SYS_PIDFD_SEND_SIGNAL,
		unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_CHROOT, unix.SYS_PIVOT_ROOT,
		unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_FSOPEN,
		unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_IO_URING_SETUP,
		unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	}
	if runtime.GOARCH == "amd64" { // newer machines have clone alone
		const fork, vfork = 57, 58 // which unix has for amd64 only
		calls = append(calls, fork, vfork)
	}
	if r.none() {
		calls = append(calls, unix.SYS_CONNECT)
	}
	return calls
}

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

// skipIf skips some instructions if the loaded word is a value.
func skipIf(value uint32, skip uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: value, Jt: skip}
}

// skipUnless skips some instructions unless the loaded word is a value.
func skipUnless(value uint32, skip uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: value, Jf: skip}
}

func answer(what uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: what}
}

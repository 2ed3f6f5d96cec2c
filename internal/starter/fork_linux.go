package starter

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What follows runs in a process that was forked from one with many threads, and has one. Go's
// runtime cannot work there: no goroutine, no new memory, no growing stack. So these
// functions make system calls and nothing else, as package syscall does between its fork and
// its exec. Nor do they change a pointer: the garbage collector wants to hear of that.

// sizeofSigset is the size of the kernel's signal set, in bytes.
const sizeofSigset = 8

// clone forks. In the second process it does not return.
func (b *block) clone() (pid int) {
	var here byte
	b.keepMemory(uintptr(unsafe.Pointer(&here)))
	return b.forkRaw()
}

// forkRaw blocks all signals, forks, and takes back what it blocked. It stays on one thread
// meanwhile: Go moves a goroutine to another only by a signal, or in a function that checks its
// stack. runtime.LockOSThread would do that too, but it starts a thread that never ends.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (b *block) forkRaw() int {
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&b.all)), uintptr(unsafe.Pointer(&b.old)), sizeofSigset, 0, 0)
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, b.flags[0], b.flags[1], 0, 0, 0, 0)
	if errno == 0 && pid == 0 {
		b.serve()
	}
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&b.old)), 0, sizeofSigset, 0, 0)
	if errno != 0 {
		return -int(errno)
	}
	return int(pid)
}

// serve is the second process. It ends when nobody can ask any more.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (b *block) serve() {
	b.closeRest()
	b.giveUpMemory()
	for b.receive() {
		b.run()
	}
	syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
}

// closeRest leaves descriptor 2 and the socket open. The others would keep the customer's
// connection open, for one.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (b *block) closeRest() {
	const all, some = 1<<32 - 1, 4096
	syscall.RawSyscall(unix.SYS_CLOSE, b.peer, 0, 0)
	_, _, errno := syscall.RawSyscall(unix.SYS_CLOSE_RANGE, 0, 1, 0)
	for fd := uintptr(0); errno != 0 && fd < some; fd++ { // a kernel older than 5.9
		if fd != 2 && fd != b.socket {
			syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
		}
	}
	if b.socket > 3 {
		syscall.RawSyscall(unix.SYS_CLOSE_RANGE, 3, b.socket-1, 0)
	}
	syscall.RawSyscall(unix.SYS_CLOSE_RANGE, b.socket+1, all, 0)
}

// giveUpMemory gives up what the first process would change later: it would be there twice
// then.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (b *block) giveUpMemory() {
	for i := 0; i < len(b.unneeded); i++ {
		if from, to := b.unneeded[i].from, b.unneeded[i].to; from < to {
			syscall.RawSyscall(unix.SYS_MUNMAP, from, to-from, 0)
		}
	}
}

// receive waits for a request to start the program. It is false once nobody can ask.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (b *block) receive() bool {
	for {
		b.message.Controllen = b.unused.Controllen
		n, _, errno := syscall.RawSyscall(unix.SYS_RECVMSG, b.socket, uintptr(unsafe.Pointer(&b.message)), unix.MSG_CMSG_CLOEXEC)
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 || n == 0 {
			return false
		}
		if b.request[0] == requestStart && b.takeFiles() {
			return true
		}
	}
}

// takeFiles takes three descriptors out of the message. A kill that comes late has none.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (b *block) takeFiles() bool {
	header := (*unix.Cmsghdr)(unsafe.Pointer(&b.control[0]))
	const want = unix.SizeofCmsghdr + 3*4
	if uint64(b.message.Controllen) < want || uint64(header.Len) != want || header.Type != unix.SCM_RIGHTS {
		return false
	}
	fds := (*[3]int32)(unsafe.Pointer(&b.control[unix.SizeofCmsghdr]))
	b.files = [3]uintptr{uintptr(fds[0]), uintptr(fds[1]), uintptr(fds[2])}
	return true
}

// run starts the program, waits for its end, or kills it if that is asked for, and answers
// with its status.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (b *block) run() {
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, b.flags[0], b.flags[1], 0, 0, 0, 0)
	if errno == 0 && pid == 0 {
		b.exec()
	}
	for i := 0; i < len(b.files); i++ {
		syscall.RawSyscall(unix.SYS_CLOSE, b.files[i], 0, 0)
	}
	b.status = notStarted | uint32(errno)
	if errno == 0 {
		b.await(pid)
	}
	b.answer()
}

// answer writes the status, if need be in pieces. Without it the first process would wait
// for ever, so an error ends this one.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (b *block) answer() {
	for at := uintptr(0); at < unsafe.Sizeof(b.status); {
		n, _, errno := syscall.RawSyscall(unix.SYS_WRITE, b.socket, uintptr(unsafe.Pointer(&b.status))+at, unsafe.Sizeof(b.status)-at)
		if errno == 0 {
			at += n
		} else if errno != syscall.EINTR {
			syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
}

// await waits for the program, and kills it if a request asks for that. If nobody can ask
// any more, the program is left alone: it may have the whole message. If the program's end
// cannot be learnt, this process ends, and so says that it is not known.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (b *block) await(pid uintptr) {
	// If there is no descriptor for the program's end, since the kernel is old or what
	// confines this process forbids it, that end is looked for now and then.
	const between = 20_000_000 // nanoseconds
	var pause uintptr
	handle, _, errno := syscall.RawSyscall(unix.SYS_PIDFD_OPEN, pid, 0, 0)
	if errno != 0 {
		handle, pause = none, uintptr(unsafe.Pointer(&b.pause))
	}
	for flags := uintptr(unix.WNOHANG); ; {
		b.polled = [2]unix.PollFd{{Fd: int32(handle), Events: unix.POLLIN}, {Fd: int32(b.socket), Events: unix.POLLIN}}
		b.pause = unix.Timespec{Nsec: between} // the kernel changes it
		_, _, errno = syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&b.polled[0])), 2, pause, 0, 0, 0)
		if errno != 0 && errno != syscall.EINTR || b.polled[0].Revents != 0 {
			flags = 0 // it has ended, or a request to kill it cannot be heard
		} else if errno == 0 && b.polled[1].Revents != 0 {
			b.killOrEnd(pid)
		}
		ended, _, errno := syscall.RawSyscall6(unix.SYS_WAIT4, pid, uintptr(unsafe.Pointer(&b.status)), flags, 0, 0, 0)
		if errno == 0 && ended == pid {
			break
		}
		if errno != 0 && errno != syscall.EINTR {
			syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
	if handle != none {
		syscall.RawSyscall(unix.SYS_CLOSE, handle, 0, 0)
	}
}

// none is no descriptor: poll passes it over.
const none = ^uintptr(0)

//go:nosplit
//go:norace
//go:nocheckptr
func (b *block) killOrEnd(pid uintptr) {
	n, _, _ := syscall.RawSyscall(unix.SYS_READ, b.socket, uintptr(unsafe.Pointer(&b.request[0])), 1)
	if n != 1 {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	syscall.RawSyscall(unix.SYS_KILL, pid, uintptr(unix.SIGKILL), 0)
}

// exec becomes the program, or ends. Descriptors above 2 have close-on-exec, so only those
// that are put into place here stay.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (b *block) exec() {
	// A received descriptor may have a number that another one must get.
	const above = 16
	for i := 0; i < len(b.files); i++ {
		b.files[i], _, _ = syscall.RawSyscall(unix.SYS_FCNTL, b.files[i], unix.F_DUPFD_CLOEXEC, above)
	}
	syscall.RawSyscall(unix.SYS_DUP3, b.files[0], 0, 0)
	syscall.RawSyscall(unix.SYS_DUP3, b.files[1], 1, 0)
	syscall.RawSyscall(unix.SYS_DUP3, b.files[2], 6, 0)
	// What was handled is handled as usual again before signals come in.
	for signal := uintptr(1); signal <= 64; signal++ {
		syscall.RawSyscall6(unix.SYS_RT_SIGACTION, signal, uintptr(unsafe.Pointer(&b.nothing)), 0, sizeofSigset, 0, 0)
	}
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&b.signals)), 0, sizeofSigset, 0, 0)
	_, _, errno := syscall.RawSyscall(unix.SYS_CHDIR, uintptr(unsafe.Pointer(b.dir)), 0, 0)
	if errno == 0 {
		syscall.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(b.path)), uintptr(unsafe.Pointer(b.argv)), uintptr(unsafe.Pointer(b.environ)))
	}
	syscall.RawSyscall(unix.SYS_EXIT_GROUP, exitNotRun, 0, 0)
}

//go:build linux && amd64

package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// A call is a system call that is counted: its number and, unless it is 0, its second
// argument.
type call struct{ number, second uint64 }

func (c call) is(regs *syscall.PtraceRegs) bool {
	return regs.Orig_rax == c.number && (c.second == 0 || c.second == regs.Rsi)
}

// calls are the calls that can be named. setlk is the fcntl(2) that takes a lock.
func calls() map[string]call {
	return map[string]call{
		"setlk":   {unix.SYS_FCNTL, unix.F_SETLK},
		"accept4": {number: unix.SYS_ACCEPT4}, "bind": {number: unix.SYS_BIND}, "fchmod": {number: unix.SYS_FCHMOD}, "fchmodat": {number: unix.SYS_FCHMODAT},
		"flock": {number: unix.SYS_FLOCK}, "ftruncate": {number: unix.SYS_FTRUNCATE}, "listen": {number: unix.SYS_LISTEN}, "socket": {number: unix.SYS_SOCKET},
		"clone": {number: unix.SYS_CLONE}, "close": {number: unix.SYS_CLOSE}, "close_range": {number: unix.SYS_CLOSE_RANGE}, "connect": {number: unix.SYS_CONNECT},
		"dup3": {number: unix.SYS_DUP3}, "execve": {number: unix.SYS_EXECVE}, "exit_group": {number: unix.SYS_EXIT_GROUP}, "fcntl": {number: unix.SYS_FCNTL},
		"fstat": {number: unix.SYS_FSTAT}, "fsync": {number: unix.SYS_FSYNC}, "getdents64": {number: unix.SYS_GETDENTS64}, "getsockopt": {number: unix.SYS_GETSOCKOPT},
		"inotify_add_watch": {number: unix.SYS_INOTIFY_ADD_WATCH}, "inotify_init1": {number: unix.SYS_INOTIFY_INIT1},
		"ioctl": {number: unix.SYS_IOCTL}, "linkat": {number: unix.SYS_LINKAT}, "mkdirat": {number: unix.SYS_MKDIRAT}, "newfstatat": {number: unix.SYS_NEWFSTATAT},
		"openat": {number: unix.SYS_OPENAT}, "pipe2": {number: unix.SYS_PIPE2}, "poll": {number: unix.SYS_POLL}, "ppoll": {number: unix.SYS_PPOLL},
		"pread64": {number: unix.SYS_PREAD64}, "pwrite64": {number: unix.SYS_PWRITE64}, "read": {number: unix.SYS_READ}, "recvfrom": {number: unix.SYS_RECVFROM}, "recvmsg": {number: unix.SYS_RECVMSG},
		"renameat": {number: unix.SYS_RENAMEAT}, "rt_sigaction": {number: unix.SYS_RT_SIGACTION}, "sendmsg": {number: unix.SYS_SENDMSG}, "setsockopt": {number: unix.SYS_SETSOCKOPT},
		"shutdown": {number: unix.SYS_SHUTDOWN}, "socketpair": {number: unix.SYS_SOCKETPAIR}, "unlinkat": {number: unix.SYS_UNLINKAT},
		"wait4": {number: unix.SYS_WAIT4}, "waitid": {number: unix.SYS_WAITID}, "write": {number: unix.SYS_WRITE},
	}
}

//go:build linux && amd64

package main

import "golang.org/x/sys/unix"

// numbers are the calls by their names.
func numbers() map[string]uint64 {
	return map[string]uint64{
		"clone": unix.SYS_CLONE, "close": unix.SYS_CLOSE, "close_range": unix.SYS_CLOSE_RANGE, "connect": unix.SYS_CONNECT,
		"dup3": unix.SYS_DUP3, "execve": unix.SYS_EXECVE, "exit_group": unix.SYS_EXIT_GROUP, "fcntl": unix.SYS_FCNTL,
		"fstat": unix.SYS_FSTAT, "fsync": unix.SYS_FSYNC, "getdents64": unix.SYS_GETDENTS64, "getsockopt": unix.SYS_GETSOCKOPT,
		"ioctl": unix.SYS_IOCTL, "linkat": unix.SYS_LINKAT, "mkdirat": unix.SYS_MKDIRAT, "newfstatat": unix.SYS_NEWFSTATAT,
		"openat": unix.SYS_OPENAT, "pipe2": unix.SYS_PIPE2, "poll": unix.SYS_POLL, "ppoll": unix.SYS_PPOLL,
		"pread64": unix.SYS_PREAD64, "read": unix.SYS_READ, "recvfrom": unix.SYS_RECVFROM, "recvmsg": unix.SYS_RECVMSG,
		"renameat": unix.SYS_RENAMEAT, "sendmsg": unix.SYS_SENDMSG, "setsockopt": unix.SYS_SETSOCKOPT,
		"shutdown": unix.SYS_SHUTDOWN, "socketpair": unix.SYS_SOCKETPAIR, "unlinkat": unix.SYS_UNLINKAT,
		"wait4": unix.SYS_WAIT4, "waitid": unix.SYS_WAITID, "write": unix.SYS_WRITE,
	}
}

package confine

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// CloseOff keeps this process, all its threads, from opening any file and from connecting
// to any TCP port, even as root; what is open stays so. It comes after Enter. A process
// that was never root has no other fence: it could read all that its user can.
// A kernel without Landlock (before 5.13), or without its part about ports (before 6.7),
// leaves it as it is.
func CloseOff() error {
	version, _, errno := syscall.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return nil
	}
	rules := landlockRules(int(version))
	size := unsafe.Sizeof(rules[0]) // as before version 4
	if rules[1] != 0 {
		size = unsafe.Sizeof(rules)
	}
	fd, _, errno := syscall.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&rules)), size, 0)
	if errno != 0 {
		return errno
	}
	defer unix.Close(int(fd))
	_, _, errno = syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0)
	if errno != 0 && errno != syscall.ENOTSUP { // see gainNothing
		return errno
	}
	return nil
}

// landlockRules is the kernel's struct landlock_ruleset_attr: what is forbidden about files,
// and about ports. A version of Landlock knows a certain number of the rights.
func landlockRules(version int) [2]uint64 {
	files, ports := uint64(unix.LANDLOCK_ACCESS_FS_MAKE_SYM)<<1-1, uint64(0)
	if version >= 2 {
		files |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		files |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= 4 {
		ports = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	return [2]uint64{files, ports}
}

package confine

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// CloseOff keeps this process, all its threads, from opening any file, from connecting
// to any TCP port and from sending any other process a signal, even as root; what is open
// stays so. It comes after Enter. A process that was never root has no other fence: it could
// read all that its user can.
// A kernel without Landlock, or without a part of it (see Kernels), leaves that as it is.
// So does a program that is linked with C. vodmr-check says so.
func CloseOff() error {
	if err := forbidSignals(); err != nil {
		return err
	}
	version := landlockVersion()
	if version == 0 {
		return nil
	}
	rules := landlockRules(version)
	size := unsafe.Sizeof(rules.files) // as before version 4
	if version >= scopeVersion {
		size = unsafe.Sizeof(rules)
	} else if version >= portsVersion {
		size = unsafe.Offsetof(rules.scope)
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

// The versions of Landlock that brought a part of it.
const (
	portsVersion = 4 // Linux 6.7
	scopeVersion = 6 // Linux 6.12
)

// Kernels says which of these parts the running kernel has.
func Kernels() Landlock {
	version := landlockVersion()
	return Landlock{Files: version > 0, Ports: version >= portsVersion, Signals: version >= scopeVersion}
}

func landlockVersion() int {
	version, _, errno := syscall.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(version)
}

// A ruleset is the kernel's struct landlock_ruleset_attr: what is forbidden.
type ruleset struct{ files, ports, scope uint64 }

// landlockRules forbids all that a version of Landlock knows.
func landlockRules(version int) ruleset {
	rules := ruleset{files: unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1}
	if version >= 2 {
		rules.files |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		rules.files |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= portsVersion {
		rules.ports = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if version >= scopeVersion {
		rules.scope = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	return rules
}

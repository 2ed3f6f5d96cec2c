package rights

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// KeepSecret keeps other processes of the same user from reading this one's
// memory, and this one from leaving a core file. It comes before the key is read.
func KeepSecret() error {
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}

// GainNothing keeps each thread, and each program that one of them becomes, from getting
// rights by a setuid bit or a file's capabilities.
//
// A process that was started so has it in each thread already. To ask costs nothing beside a
// call in all threads, which stops each of them.
func GainNothing() error {
	if on, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err == nil && on == 1 {
		return nil
	}
	_, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
	// A program that is linked with C has no such call; it is left without.
	if errno != 0 && errno != syscall.ENOTSUP {
		return errno
	}
	return nil
}

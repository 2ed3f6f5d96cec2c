//go:build !linux

package child

import "syscall"

// forkBarred has nothing to bar: these systems have no such property of a process.
func forkBarred(path string, argv []string, attr *syscall.ProcAttr) (int, error) {
	return syscall.ForkExec(path, argv, attr)
}

package child

import (
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// forkBarred forks from a thread of its own, whose children have no_new_privs. The thread
// ends with the goroutine, so that this process itself keeps its rights.
func forkBarred(path string, argv []string, attr *syscall.ProcAttr) (pid int, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if err = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err == nil {
			pid, err = syscall.ForkExec(path, argv, attr)
		}
	}()
	<-done
	return pid, err
}

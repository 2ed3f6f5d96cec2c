package keeper

import (
	"time"

	"golang.org/x/sys/unix"
)

// killAfter has the kernel send SIGALRM to this process, whatever it is by then. A program
// that does not know it dies of it; Go programs ignore it.
func killAfter(limit time.Duration) {
	timer := unix.Itimerval{Value: unix.NsecToTimeval(max(limit, time.Second).Nanoseconds())}
	_, _ = unix.Setitimer(unix.ItimerReal, timer)
}

package child

import (
	"time"

	"golang.org/x/sys/unix"
)

// KillAfter has the kernel send SIGALRM to this process, whatever it is by then. A program
// that does not know it dies of it; Go programs ignore it.
func KillAfter(limit time.Duration) {
	setTimer(max(limit, time.Second))
}

// StopTimer takes back what KillAfter asked for, of this process or of the program that
// became it.
func StopTimer() { setTimer(0) }

func setTimer(limit time.Duration) {
	timer := unix.Itimerval{Value: unix.NsecToTimeval(limit.Nanoseconds())}
	_, _ = unix.Setitimer(unix.ItimerReal, timer)
}

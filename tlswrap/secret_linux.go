package tlswrap

import "golang.org/x/sys/unix"

// keepSecret keeps other processes of the same user from reading this one's
// memory, and this one from leaving a core file. It comes before the key is read.
func keepSecret() error {
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}

//go:build !linux

package tlswrap

import "golang.org/x/sys/unix"

// keepSecret keeps this process from leaving a core file. Other processes of the
// same user cannot trace a process that was root before; for one that was not
// these systems have no common call.
func keepSecret() error {
	return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}

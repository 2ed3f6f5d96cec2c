//go:build !linux

package rights

import "golang.org/x/sys/unix"

// KeepSecret keeps this process from leaving a core file. Other processes of the
// same user cannot trace a process that was root before; for one that was not
// these systems have no common call.
func KeepSecret() error {
	return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}

// GainNothing has nothing to do: these systems have no such call for a whole process.
func GainNothing() error { return nil }

// LandlockVersion is 0: Landlock is Linux's.
func LandlockVersion() int { return 0 }

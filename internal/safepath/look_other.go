//go:build !linux && !freebsd && !darwin

package safepath

import "golang.org/x/sys/unix"

// look opens a directory that is only to be looked up in. These systems have no flag for
// it, so each folder on the way must be readable too.
const look = unix.O_RDONLY

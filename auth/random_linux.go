package auth

import (
	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// fillRandom fills p, at most 256 bytes, from the kernel.
func fillRandom(p []byte) error {
	// No signal cuts short a request of up to 256 bytes.
	_, err := sys.RetryN(func() (int, error) { return unix.Getrandom(p, 0) })
	return err
}

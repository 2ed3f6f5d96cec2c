//go:build !linux

package auth

import (
	"io"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// fillRandom fills p from the kernel's random device.
func fillRandom(p []byte) error {
	fd, err := unix.Open("/dev/urandom", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for len(p) > 0 {
		n, err := sys.RetryN(func() (int, error) { return unix.Read(fd, p) })
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrUnexpectedEOF
		}
		p = p[n:]
	}
	return nil
}

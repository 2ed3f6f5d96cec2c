package auth

import "golang.org/x/sys/unix"

// fillRandom fills p, at most 256 bytes, from the kernel.
func fillRandom(p []byte) error {
	for {
		// No signal cuts short a request of up to 256 bytes.
		_, err := unix.Getrandom(p, 0)
		if err != unix.EINTR {
			return err
		}
	}
}

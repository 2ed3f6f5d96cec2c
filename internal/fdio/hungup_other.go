//go:build !linux

package fdio

import "golang.org/x/sys/unix"

// pollEnd is nothing: not all systems have a word for a peer that closed its side only.
const pollEnd = 0

// endNext reports if the end of the stream is what a read would find.
func endNext(fd int) bool {
	n, _, err := unix.Recvfrom(fd, make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return n == 0 && err == nil
}

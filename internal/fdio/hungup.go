package fdio

import (
	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// HungUp reports if the peer has closed its side or is known to be gone. Earlier bytes
// may still wait to be read. It never waits: it is for a caller that is busy for long and
// would meet the end of the stream only afterwards.
func (c *Conn) HungUp() bool {
	fds := []unix.PollFd{{Fd: int32(c.r), Events: pollEnd}, {Fd: int32(c.w)}}
	_, err := sys.RetryN(func() (int, error) { return unix.Poll(fds, 0) })
	const gone = pollEnd | unix.POLLERR | unix.POLLHUP | unix.POLLNVAL
	return err == nil && (fds[0].Revents|fds[1].Revents)&gone != 0 || c.rSocket && endNext(c.r)
}

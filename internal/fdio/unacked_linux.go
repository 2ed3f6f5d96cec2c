package fdio

import "golang.org/x/sys/unix"

// Unacknowledged is how many octets that were written the peer's TCP has not
// acknowledged. It is not known if the writing side is no TCP socket: behind a pipe or a
// socketpair there is another process, and nobody here can ask its peer.
func (c *Conn) Unacknowledged() (octets int, known bool) {
	if !c.wSocket {
		return 0, false
	}
	if protocol, err := unix.GetsockoptInt(c.w, unix.SOL_SOCKET, unix.SO_PROTOCOL); err != nil || protocol != unix.IPPROTO_TCP {
		return 0, false
	}
	octets, err := unix.IoctlGetInt(c.w, unix.SIOCOUTQ)
	return octets, err == nil
}

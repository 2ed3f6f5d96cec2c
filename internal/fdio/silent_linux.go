package fdio

import (
	"time"

	"golang.org/x/sys/unix"
)

// silence is for how long a peer's TCP may leave unanswered what was sent to it.
const silence = time.Minute

// silent reports if the peer's TCP has not answered what was sent to it for
// longer than silence. TCP_USER_TIMEOUT would tell, but it also ends the
// connection to a peer that answers every probe and only takes no more for the
// moment, such as a server that scans a large message.
func silent(fd int) bool {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil || int64(info.Last_ack_recv) < silence.Milliseconds() {
		return false
	}
	// Probes of a closed window are spaced wider and wider: one may be under way.
	return info.Unacked > 0 || info.Probes > 1
}

// UserTimeout ends a TCP connection if its peer has not taken in a minute what was
// sent to it. It is for a peer that always reads, and not for one that may pause.
func UserTimeout(fd int) { setUserTimeout(fd, silence) }

// NoUserTimeout takes that back, before the peer may pause.
func NoUserTimeout(fd int) { setUserTimeout(fd, 0) }

// setUserTimeout leaves anything but a TCP socket alone.
func setUserTimeout(fd int, limit time.Duration) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(limit.Milliseconds()))
}

package fdio

import (
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// Bounds of Linger: a peer that goes on sending holds a process up for no longer, and for no
// more bytes.
const (
	lingerTime  = 2 * time.Second
	lingerBytes = 256 << 10
)

// Linger ends a socket in order: it says that nothing more comes, and reads away what the
// peer still sends until that closes too, for two seconds and 256 KiB at most. If a socket is
// closed while bytes of the peer are unread, TCP resets the connection, and the peer may lose
// the last reply. Other descriptors than sockets need nothing.
func Linger(fd int) {
	if unix.Shutdown(fd, unix.SHUT_WR) != nil {
		return
	}
	until := time.Now().Add(lingerTime)
	buf := make([]byte, 4096)
	for read := 0; read < lingerBytes && Readable(until, fd); {
		n, err := sys.RetryN(func() (int, error) {
			n, _, err := unix.Recvfrom(fd, buf, unix.MSG_DONTWAIT)
			return n, err
		})
		if err != nil || n == 0 {
			return
		}
		read += n
	}
}

package fdio

import "golang.org/x/sys/unix"

// KeepAlive makes a TCP socket notice within two minutes that its peer is gone
// without a word (30 s, then 3 probes 10 s apart; for unanswered data a Conn
// looks itself) and send small writes at once: with Nagle's algorithm and
// delayed acknowledgements each exchange would wait 40 ms. Anything but a TCP
// socket is left alone, and so is an option that this system lacks.
func KeepAlive(fd int) {
	if unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) != nil {
		return
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	for option, value := range keepAliveOptions() {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, option, value)
	}
}

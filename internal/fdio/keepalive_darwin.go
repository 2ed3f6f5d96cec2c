package fdio

import "golang.org/x/sys/unix"

// TCP_KEEPALIVE is what others call TCP_KEEPIDLE.
func keepAliveOptions() map[int]int {
	return map[int]int{
		unix.TCP_KEEPALIVE: 30,
		unix.TCP_KEEPINTVL: 10,
		unix.TCP_KEEPCNT:   3,
	}
}

//go:build linux || freebsd || netbsd || dragonfly

package fdio

import "golang.org/x/sys/unix"

func keepAliveOptions() map[int]int {
	return map[int]int{
		unix.TCP_KEEPIDLE:  30,
		unix.TCP_KEEPINTVL: 10,
		unix.TCP_KEEPCNT:   3,
	}
}

package fdio

import "golang.org/x/sys/unix"

// closeRangeOnExec needs Linux 5.11.
func closeRangeOnExec(first int) bool {
	return unix.CloseRange(uint(first), ^uint(0)>>32, unix.CLOSE_RANGE_CLOEXEC) == nil
}

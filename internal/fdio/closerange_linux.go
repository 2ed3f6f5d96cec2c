package fdio

import (
	"strconv"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// closeRangeOnExec names all descriptors in one call, which needs Linux 5.11. If it
// fails, it names those that the kernel lists.
func closeRangeOnExec(first int) bool {
	return unix.CloseRange(uint(first), ^uint(0)>>32, unix.CLOSE_RANGE_CLOEXEC) == nil || listedOnExec(first)
}

// listedOnExec reads the numbers of this process's descriptors from /proc.
func listedOnExec(first int) bool {
	dir, err := unix.Open("/proc/self/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(dir)
	buf := make([]byte, 4096)
	for {
		n, err := sys.RetryN(func() (int, error) { return unix.ReadDirent(dir, buf) })
		if err != nil || n <= 0 {
			return err == nil
		}
		_, _, names := unix.ParseDirent(buf[:n], -1, nil)
		for _, name := range names {
			if fd, err := strconv.Atoi(name); err == nil && fd >= first {
				unix.CloseOnExec(fd)
			}
		}
	}
}

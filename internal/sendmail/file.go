package sendmail

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// temporary makes a file that only this process has: it loses its name at once, so it is
// gone as soon as the process is, however that ends.
func temporary(folder string) (fd int, err error) {
	f, err := os.CreateTemp(folder, "vodmr-sendmail.*")
	if err != nil {
		return -1, err
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return -1, err
	}
	return sys.RetryN(func() (int, error) { return unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3) })
}

// beginning is what a file has in its first kilobyte, without the blanks around it.
func beginning(fd int) string {
	var buf [1024]byte
	n, _ := sys.ReadAt(fd, buf[:], 0)
	return strings.TrimSpace(string(buf[:n]))
}

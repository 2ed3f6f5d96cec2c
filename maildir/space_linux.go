package maildir

import (
	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// askSpace asks the kernel about the file system that holds an open folder.
func askSpace(dir int) (space, error) {
	var st unix.Statfs_t
	err := sys.Retry(func() error { return unix.Fstatfs(dir, &st) })
	size := uint64(st.Bsize)
	return space{all: st.Blocks * size, free: st.Bavail * size}, err
}

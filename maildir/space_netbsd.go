package maildir

import (
	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// askSpace asks the kernel about the file system that holds an open folder.
func askSpace(dir int) (space, error) {
	var st unix.Statvfs_t
	err := sys.Retry(func() error { return unix.Fstatvfs(dir, &st) })
	return space{all: st.Blocks * st.Frsize, free: st.Bavail * st.Frsize}, err
}

package check

import (
	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// askDisk asks the kernel about the file system that holds path.
func askDisk(path string) (disk, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return disk{}, err
	}
	size := uint64(st.Bsize)
	return disk{
		network: sys.NetworkName(uint32(st.Type)),
		free:    st.Bavail * size, bytes: st.Blocks * size,
		inodes: st.Ffree, all: st.Files,
	}, nil
}

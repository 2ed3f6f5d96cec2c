package check

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// askDisk asks the kernel about the file system that holds path.
func askDisk(path string) (disk, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return disk{}, err
	}
	size := uint64(st.Bsize)
	return disk{
		kind:   "0x" + strconv.FormatUint(uint64(uint32(st.Type)), 16),
		remote: uint32(st.Type) == unix.NFS_SUPER_MAGIC,
		free:   st.Bavail * size, bytes: st.Blocks * size,
		inodes: st.Ffree, all: st.Files,
	}, nil
}

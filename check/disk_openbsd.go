package check

import "golang.org/x/sys/unix"

// askDisk asks the kernel about the file system that holds path.
func askDisk(path string) (disk, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return disk{}, err
	}
	network := remote(unix.ByteSliceToString(st.F_fstypename[:]))
	size := uint64(st.F_bsize)
	return disk{
		network: network, unseen: network != "",
		free: uint64(max(st.F_bavail, 0)) * size, bytes: st.F_blocks * size,
		inodes: uint64(max(st.F_favail, 0)), all: st.F_files,
	}, nil
}

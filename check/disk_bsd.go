//go:build freebsd || darwin

package check

import "golang.org/x/sys/unix"

// askDisk asks the kernel about the file system that holds path.
func askDisk(path string) (disk, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return disk{}, err
	}
	network := remote(unix.ByteSliceToString(st.Fstypename[:]))
	size := uint64(st.Bsize)
	return disk{
		network: network, unseen: network != "",
		free: uint64(max(int64(st.Bavail), 0)) * size, bytes: st.Blocks * size,
		inodes: uint64(max(int64(st.Ffree), 0)), all: st.Files,
	}, nil
}

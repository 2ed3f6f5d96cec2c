package check

import "golang.org/x/sys/unix"

// askDisk asks the kernel about the file system that holds path.
func askDisk(path string) (disk, error) {
	var st unix.Statvfs_t
	if err := unix.Statvfs(path, &st); err != nil {
		return disk{}, err
	}
	network := remote(unix.ByteSliceToString(st.Fstypename[:]))
	return disk{
		network: network, unseen: network != "",
		free: st.Bavail * st.Frsize, bytes: st.Blocks * st.Frsize,
		inodes: st.Favail, all: st.Files,
	}, nil
}

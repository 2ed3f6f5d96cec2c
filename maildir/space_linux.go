package maildir

import "golang.org/x/sys/unix"

// askSpace asks the kernel about the file system that holds an open folder.
func askSpace(dir int) (space, error) {
	var st unix.Statfs_t
	for {
		if err := unix.Fstatfs(dir, &st); err != unix.EINTR {
			size := uint64(st.Bsize)
			return space{all: st.Blocks * size, free: st.Bavail * size}, err
		}
	}
}

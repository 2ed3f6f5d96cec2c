package maildir

import "golang.org/x/sys/unix"

// askSpace asks the kernel about the file system that holds an open folder.
func askSpace(dir int) (space, error) {
	var st unix.Statvfs_t
	for {
		if err := unix.Fstatvfs(dir, &st); err != unix.EINTR {
			return space{all: st.Blocks * st.Frsize, free: st.Bavail * st.Frsize}, err
		}
	}
}

package sys

import "golang.org/x/sys/unix"

type statfs = unix.Statvfs_t

func fstatfs(fd int, st *statfs) error { return unix.Fstatvfs(fd, st) }

func statfsAt(path string, st *statfs) error { return unix.Statvfs(path, st) }

func diskFrom(st *statfs) Disk {
	network := networkName(unix.ByteSliceToString(st.Fstypename[:]))
	return Disk{
		Network: network, Unseen: network != "", Size: st.Blocks * st.Frsize, Free: st.Bavail * st.Frsize,
		Files: st.Files, Unused: st.Favail,
	}
}

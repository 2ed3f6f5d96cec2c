package sys

import "golang.org/x/sys/unix"

func diskFrom(st *statfs) Disk {
	network, size := networkName(unix.ByteSliceToString(st.F_fstypename[:])), uint64(st.F_bsize)
	return Disk{
		Network: network, Unseen: network != "", Size: st.F_blocks * size, Free: uint64(max(st.F_bavail, 0)) * size,
		Files: st.F_files, Unused: uint64(max(st.F_favail, 0)),
	}
}

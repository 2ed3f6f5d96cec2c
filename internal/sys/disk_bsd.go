//go:build freebsd || darwin

package sys

import "golang.org/x/sys/unix"

func diskFrom(st *statfs) Disk {
	network, size := networkName(unix.ByteSliceToString(st.Fstypename[:])), uint64(st.Bsize)
	return Disk{
		Network: network, Unseen: network != "", Size: st.Blocks * size, Free: uint64(max(int64(st.Bavail), 0)) * size,
		Files: st.Files, Unused: uint64(max(int64(st.Ffree), 0)),
	}
}

package sys

import (
	"strconv"

	"golang.org/x/sys/unix"
)

func diskFrom(st *statfs) Disk {
	size := uint64(st.Bsize)
	return Disk{
		Kind: "0x" + strconv.FormatUint(uint64(uint32(st.Type)), 16), NFS: uint32(st.Type) == unix.NFS_SUPER_MAGIC,
		Size: st.Blocks * size, Free: st.Bavail * size, Files: st.Files, Unused: st.Ffree,
	}
}

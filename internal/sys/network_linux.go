package sys

import (
	"slices"

	"golang.org/x/sys/unix"
)

// networkTypes are the numbers that statfs(2) gives to file systems on which other hosts write, with
// changes that inotify does not see: NFS, FUSE (as GlusterFS, sshfs), Ceph, SMB and CIFS,
// 9P, AFS, Lustre, OCFS2, GFS2, GPFS.
func networkTypes() []uint32 {
	return []uint32{0x6969, 0x65735546, 0x00c36400, 0xfe534d42, 0xff534d42, 0x517b, 0x01021997,
		0x5346414f, 0x6b414653, 0x0bd00bd0, 0x7461636f, 0x01161970, 0x47504653}
}

// Network reports if an open file or directory is on a file system that other hosts may
// change. An error counts as no.
func Network(fd int) bool {
	var st unix.Statfs_t
	if err := Retry(func() error { return unix.Fstatfs(fd, &st) }); err != nil {
		return false
	}
	return slices.Contains(networkTypes(), uint32(st.Type))
}

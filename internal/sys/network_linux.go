package sys

import (
	"slices"

	"golang.org/x/sys/unix"
)

// networkTypes are the numbers that statfs(2) gives to file systems on which other hosts
// write, with changes that inotify does not see. FUSE may be GlusterFS or sshfs.
func networkTypes() []uint32 {
	const lustre, gfs2, gpfs = 0x0bd00bd0, 0x01161970, 0x47504653 // x/sys has no names for these
	return []uint32{unix.NFS_SUPER_MAGIC, unix.FUSE_SUPER_MAGIC, unix.CEPH_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC,
		unix.CIFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.V9FS_MAGIC, unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC,
		unix.OCFS2_SUPER_MAGIC, lustre, gfs2, gpfs}
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

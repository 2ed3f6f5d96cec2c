package sys

import "golang.org/x/sys/unix"

// networkTypes are the numbers that statfs(2) gives to file systems on which other hosts
// write, with changes that inotify does not see. FUSE may be GlusterFS or sshfs.
func networkTypes() map[uint32]string {
	const lustre, gfs2, gpfs = 0x0bd00bd0, 0x01161970, 0x47504653 // x/sys has no names for these
	return map[uint32]string{
		unix.NFS_SUPER_MAGIC: "NFS", unix.FUSE_SUPER_MAGIC: "FUSE", unix.CEPH_SUPER_MAGIC: "Ceph",
		unix.SMB2_SUPER_MAGIC: "SMB", unix.CIFS_SUPER_MAGIC: "SMB", unix.SMB_SUPER_MAGIC: "SMB",
		unix.V9FS_MAGIC: "9P", unix.AFS_SUPER_MAGIC: "AFS", unix.AFS_FS_MAGIC: "AFS",
		unix.OCFS2_SUPER_MAGIC: "OCFS2", lustre: "Lustre", gfs2: "GFS2", gpfs: "GPFS",
	}
}

// networkName is the name of a type of statfs(2), if it is one of those; otherwise "".
func networkName(kind uint32) string { return networkTypes()[kind] }

// Network reports if an open file or directory is on a file system that other hosts may
// change. An error counts as no.
func Network(fd int) bool {
	var st unix.Statfs_t
	if err := Retry(func() error { return unix.Fstatfs(fd, &st) }); err != nil {
		return false
	}
	return networkName(uint32(st.Type)) != ""
}

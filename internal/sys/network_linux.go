package sys

import "golang.org/x/sys/unix"

// networkName names the number that statfs(2) gives to a file system on which other hosts
// write, with changes that inotify does not see; otherwise it is "". FUSE may be GlusterFS or
// sshfs.
func networkName(kind uint32) string {
	const lustre, gfs2, gpfs = 0x0bd00bd0, 0x01161970, 0x47504653 // x/sys has no names for these
	switch kind {
	case unix.NFS_SUPER_MAGIC:
		return "NFS"
	case unix.FUSE_SUPER_MAGIC:
		return "FUSE"
	case unix.CEPH_SUPER_MAGIC:
		return "Ceph"
	case unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC:
		return "SMB"
	case unix.V9FS_MAGIC:
		return "9P"
	case unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC:
		return "AFS"
	case unix.OCFS2_SUPER_MAGIC:
		return "OCFS2"
	case lustre:
		return "Lustre"
	case gfs2:
		return "GFS2"
	case gpfs:
		return "GPFS"
	}
	return ""
}

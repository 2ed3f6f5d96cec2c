package sys

import "golang.org/x/sys/unix"

// networkName names the number that statfs(2) gives to a file system on which other hosts
// write, with changes that inotify does not see; otherwise it is "". FUSE may be GlusterFS or
// sshfs.
func networkName(kind uint32) string {
	const lustre, gfs2, gpfs = 0x0bd00bd0, 0x01161970, 0x47504653 // x/sys has no names for these
	return map[uint32]string{
		unix.NFS_SUPER_MAGIC: "NFS", unix.FUSE_SUPER_MAGIC: "FUSE", unix.CEPH_SUPER_MAGIC: "Ceph", unix.V9FS_MAGIC: "9P",
		unix.SMB2_SUPER_MAGIC: "SMB", unix.CIFS_SUPER_MAGIC: "SMB", unix.SMB_SUPER_MAGIC: "SMB",
		unix.AFS_SUPER_MAGIC: "AFS", unix.AFS_FS_MAGIC: "AFS", unix.OCFS2_SUPER_MAGIC: "OCFS2",
		lustre: "Lustre", gfs2: "GFS2", gpfs: "GPFS",
	}[kind]
}

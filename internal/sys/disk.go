package sys

// A Disk is the room that a file system has left.
type Disk struct {
	Network       string // its type, if other hosts may change it; "" if not
	Unseen        bool   // sessions do not find that out on this system
	Size, Free    uint64 // bytes: in all, and for everybody but root
	Files, Unused uint64 // inodes: in all, and free; 0 in all if it has no such limit
}

// DiskOf asks the kernel about the file system that holds an open file or folder.
func DiskOf(fd int) (Disk, error) {
	var st statfs
	err := Retry(func() error { return fstatfs(fd, &st) })
	return diskFrom(&st), err
}

// DiskAt is DiskOf for a path.
func DiskAt(path string) (Disk, error) {
	var st statfs
	err := Retry(func() error { return statfsAt(path, &st) })
	return diskFrom(&st), err
}

// Network reports if an open file or directory is on a file system that other hosts may
// change. An error counts as no. Only on Linux it tells; elsewhere VODMR_LOOK says it.
func Network(fd int) bool {
	d, err := DiskOf(fd)
	return err == nil && d.Network != "" && !d.Unseen
}

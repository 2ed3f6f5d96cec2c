package sys

// A Disk is the room that a file system has left.
type Disk struct {
	Network       string // its type, if other hosts may change it; "" if not
	Unseen        bool   // Network does not know that
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

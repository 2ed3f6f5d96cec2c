package require

import (
	"testing"

	"golang.org/x/sys/unix"
)

// SmallDisk mounts a disk of its own for a test, with a size such as "64k".
func SmallDisk(t *testing.T, size string) (dir string) {
	t.Helper()
	Root(t, "only root mounts a disk")
	dir = t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		Skip(t, "no disk can be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

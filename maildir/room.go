package maildir

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// maxReserve is how many bytes of a disk stay free; of a small disk, a twentieth. Without
// it, one message too many could leave no room for smaller ones and for other programs.
const maxReserve = 16 << 20

// roomOn returns how many bytes may be written to a disk, less than 0 if the reserve is
// touched. A disk that does not tell its size takes any number.
func roomOn(disk sys.Disk) int64 {
	if disk.Size == 0 {
		return math.MaxInt64
	}
	return int64(min(disk.Free, math.MaxInt64)) - int64(min(disk.Size/20, maxReserve))
}

// Room returns an ENOSPC if so many bytes more would leave less than the reserve.
func (r *Receiver) Room(bytes int64) error {
	_, err := r.allow(bytes)
	return err
}

// allow does the same as Room, and returns how many bytes, at least that many, may be written
// before the next call.
func (r *Receiver) allow(bytes int64) (int64, error) {
	disk, err := sys.DiskOf(r.tmp)
	if err != nil {
		return 0, sys.Named(r.box.path, err)
	}
	room := roomOn(disk)
	if bytes > room || room < 0 {
		return 0, fmt.Errorf("%s: too little of the disk is left: %w", r.box.path, unix.ENOSPC)
	}
	return max(bytes, min(room, lookEach)), nil
}

package maildir

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// maxReserve is how many bytes of a disk stay free; of a small disk, a twentieth. Without
// it, one message too many could leave no room for smaller ones and for other programs.
const maxReserve = 16 << 20

// A space tells how large a file system is, in bytes.
type space struct {
	all  uint64 // 0 if it does not say
	free uint64 // for this user
}

// room returns how many bytes may be written, less than 0 if the reserve is touched.
func (s space) room() int64 {
	if s.all == 0 {
		return math.MaxInt64
	}
	return int64(min(s.free, math.MaxInt64)) - int64(min(s.all/20, maxReserve))
}

// Room returns an ENOSPC if so many bytes more would leave less than the reserve.
func (r *Receiver) Room(bytes int64) error {
	_, err := r.allow(bytes)
	return err
}

// grant does the same as Room, and returns how many bytes, at least that many, may be written
// before the next call.
func (r *Receiver) allow(bytes int64) (int64, error) {
	disk, err := askSpace(r.tmp)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", r.box.path, err)
	}
	room := disk.room()
	if bytes > room || room < 0 {
		return 0, fmt.Errorf("%s: too little of the disk is left: %w", r.box.path, unix.ENOSPC)
	}
	return max(bytes, min(room, lookEach)), nil
}

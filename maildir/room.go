package maildir

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// maxReserve is how much of a disk stays free, in bytes; of a small one a twentieth
// does. Without it one message too many could leave no room for the smaller ones, and
// for whatever else writes there.
const maxReserve = 16 << 20

// A space is what a file system has, in bytes.
type space struct {
	all  uint64 // 0 if it does not say
	free uint64 // for this user
}

// room is how many bytes may be written, less than 0 if the reserve is touched.
func (s space) room() int64 {
	if s.all == 0 {
		return math.MaxInt64
	}
	return int64(min(s.free, math.MaxInt64)) - int64(min(s.all/20, maxReserve))
}

// Room returns an ENOSPC if so many bytes more would leave less than the reserve.
func (r *Receiver) Room(bytes int64) error {
	_, err := r.grant(bytes)
	return err
}

// grant is Room, and says how many bytes may be written before it is asked again: that
// many at least.
func (r *Receiver) grant(bytes int64) (int64, error) {
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

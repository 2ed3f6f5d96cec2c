package maildir

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// staleTmp is the age after which a file in tmp is abandoned (maildir(5)).
const staleTmp = 36 * time.Hour

// A Receiver delivers messages into a Maildir: the customer's side.
type Receiver struct {
	box   *Box
	tmp   int
	host  string
	count int
}

// Make creates a Maildir with mode 0700 at an absolute or relative path, if there is none.
func Make(dir string) error {
	for _, path := range []string{dir, dir + "/tmp", dir + "/new", dir + "/cur"} {
		if err := sys.MakeFolder(path, 0o700); err != nil {
			return sys.Named(path, err)
		}
	}
	return nil
}

// Receive prepares deliveries. host is this machine's name, for the names of files. Files
// that were left in tmp more than 36 hours ago are removed.
func (b *Box) Receive(host string) (*Receiver, error) {
	tmp, err := b.openSub("tmp")
	if err != nil {
		return nil, err
	}
	host = cmp.Or(host, "localhost")
	fit := strings.NewReplacer("/", `\057`, ":", `\072`) // as the maildir convention says
	r := &Receiver{box: b, tmp: tmp, host: fit.Replace(host[:min(len(host), 128)])}
	if err := r.clean(time.Now()); err != nil {
		r.Close()
		return nil, sys.Named(sys.Join(b.path, "tmp"), err)
	}
	return r, nil
}

// InPlace returns nil if the Maildir's path still leads to what is open. Otherwise messages would
// be delivered where nobody looks, or not at all. The errors are Box.InPlace's.
func (r *Receiver) InPlace() error {
	if err := r.box.InPlace(); err != nil {
		return err
	}
	is, err := sys.InPlace(r.tmp, r.box.dir, "tmp")
	if err == nil && !is {
		return ErrMoved
	}
	return sys.Named(sys.Join(r.box.path, "tmp"), err)
}

// Close closes tmp. The Box stays open.
func (r *Receiver) Close() {
	sys.Close(r.tmp)
	r.tmp = -1
}

// clean removes stale files from tmp, if it can.
func (r *Receiver) clean(now time.Time) error {
	var stale []string
	limit := now.Add(-staleTmp).Unix()
	err := eachFile(r.tmp, func(name []byte) {
		var st unix.Stat_t
		if sys.Lstat(r.tmp, string(name), &st) == nil && sys.IsRegular(&st) &&
			int64(st.Mtim.Sec) < limit && int64(st.Atim.Sec) < limit {
			stale = append(stale, string(name))
		}
	})
	for _, name := range stale {
		sys.Unlink(r.tmp, name)
	}
	return err
}

// unique makes a name that no other delivery has: time, process and counter.
func (r *Receiver) unique() string {
	r.count++
	now := time.Now()
	return fmt.Sprintf("%d.M%dP%dQ%d.%s", now.Unix(), now.Nanosecond()/1000, unix.Getpid(), r.count, r.host)
}

// errControl is the error if an address would break the lines that hold it.
var errControl = errors.New("an address with a control character")

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

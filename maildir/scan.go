package maildir

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// ErrDeadline is the error if a scan is not finished. Resume continues it.
var ErrDeadline = errors.New("the Maildir is not read to its end yet")

// A scan is the state of reading new and cur.
type scan struct {
	box *Box
	sub int // being read: inNew, inCur, or scanned
	fd  int // of that directory, or -1
	buf []byte

	known func(base []byte) bool // the messages to pass over; nil for none
}

const scanned = inCur + 1

// Scan lists new and cur, except dot files and messages that a mail reader marked as
// deleted. Names of directories and the like are listed too, so that OpenMessage reports
// them. If it meets the deadline, it returns ErrDeadline *and* the List as far as it got.
// The zero time is no deadline. If there is another error, there is no List.
func (b *Box) Scan(deadline time.Time) (*List, error) { return b.scan(deadline, nil) }

// Rescan does the same as Scan without a deadline, but passes over a message if known
// returns true for its base name, which is valid only until known returns. Such messages
// cost no memory.
func (b *Box) Rescan(known func(base []byte) bool) (*List, error) {
	return b.scan(time.Time{}, known)
}

func (b *Box) scan(deadline time.Time, known func([]byte) bool) (*List, error) {
	b.index, b.noQuota = nil, false // new files may have come since
	l := &List{scan: scan{box: b, fd: -1, buf: make([]byte, dirBuffer), known: known}, sizes: true}
	err := l.Resume(deadline)
	if err != nil && !errors.Is(err, ErrDeadline) {
		l.Close()
		return nil, err
	}
	return l, err
}

// Resume continues a Scan that met its deadline. The messages that it finds are put in order
// with those that Next has not returned yet.
func (l *List) Resume(deadline time.Time) error {
	for l.scan.sub != scanned {
		more, err := l.step()
		if err != nil {
			return sys.Named(sys.Join(l.scan.box.path, subNames[l.scan.sub]), err)
		}
		if !more {
			l.leave()
			l.scan.sub++
		} else if !deadline.IsZero() && !time.Now().Before(deadline) {
			return ErrDeadline
		}
	}
	l.scan.buf = nil
	return nil
}

// Close gives the List's memory back, and closes the directory if the Scan is unfinished.
// The List is empty then.
func (l *List) Close() {
	l.leave()
	l.free()
}

// leave closes the directory that is being read.
func (l *List) leave() {
	sys.Close(l.scan.fd)
	l.scan.fd = -1
}

// step reads one bufferful of names.
func (l *List) step() (more bool, err error) {
	s := &l.scan
	dir := s.box.sub[s.sub]
	if s.fd < 0 {
		if s.fd, err = sys.Reopen(dir); err != nil {
			return false, err
		}
	}
	n, err := sys.ReadNames(s.fd, s.buf)
	if err != nil || n == 0 {
		return false, err
	}
	eachName(s.buf[:n], func(name []byte) { l.meet(dir, name) })
	return true, nil
}

// meet adds a name, unless it is marked as deleted, or has gone. If its time cannot be had,
// it is added all the same, and OpenMessage returns the reason.
func (l *List) meet(dir int, name []byte) {
	if isTrashed(name) || len(name) > maxName || l.scan.known != nil && l.scan.known(baseOf(name)) {
		return
	}
	seconds, stamped := stamp(name)
	if !stamped {
		var st unix.Stat_t
		if sys.Lstat(dir, string(name), &st) == unix.ENOENT {
			return
		}
		seconds = int64(st.Mtim.Sec)
	}
	l.add(name, l.scan.sub == inCur, seconds, stamped)
	if l.sizes {
		size, known := sizeIn(name)
		l.bytes += size
		l.sizes = known && l.bytes >= 0
	}
}

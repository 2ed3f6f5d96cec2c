package history

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
	"vodmr/internal/sys"
)

const (
	fileName = "vodmr.notes"
	tmpName  = fileName + ".tmp"
	badName  = fileName + ".bad"

	maxPending  = 64 << 10 // beyond it, one rewriting of the file replaces the lines
	maxAppended = 1 << 20  // then the file is rewritten
	maxLines    = 8000     // appended, then too
	mostLines   = 12000    // are appended even if it cannot be rewritten
	maxNoteLine = 4 << 10  // longer than any that we write: base names and texts are short
	maxFile     = 6 << 20  // no notes of ours are larger
)

// A file is the writing side of a History.
type file struct {
	dir  int    // MAILDIR
	path string // its path, for the texts of errors

	fd        int    // open for appending, or -1
	pending   []byte // lines that are not in the file yet
	dropped   bool   // there were too many of them: only a rewriting helps
	torn      bool   // the file's last line has no end
	unusable  bool   // the name is taken by something that vodmr did not write
	appended  int64  // bytes since a rewriting was last tried
	lines     int    // lines, pending ones too, since then
	size      int64  // bytes of the whole
	total     int    // lines since it was rewritten, without those counted in lines
	abandoned bool   // see History.Abandon
}

// add takes the pending lines with one more.
func (f *file) add(pending []byte) {
	f.pending = pending
	f.lines++
	if len(f.pending) > maxPending {
		f.pending, f.dropped = f.pending[:0], true
	}
}

var (
	errUnusable = errors.New("it holds no notes: it is quarantined as " + badName)
	errTooMuch  = fmt.Errorf("%w, as it is larger than any that vodmr writes", errUnusable)
)

// Open reads vodmr.notes in the Maildir that dir is open for; path is for the texts of
// errors. It always returns a History, and an error to be logged if the file could not be
// read. In that case Begin renames the file to vodmr.notes.bad, if it can, and starts
// anew. clock is time.Now except in tests. Nothing is written or created before Begin or
// Flush. dir must stay open until Close.
func Open(dir int, path string, clock func() time.Time) (*History, error) {
	h := empty(dir, path, clock)
	err := h.load()
	if err == nil || err == unix.ENOENT {
		return h, nil
	}
	if h.state.tooMuch {
		h = empty(dir, path, clock) // anybody may have written what was read of it
	}
	h.out.unusable = true
	err = h.out.named(fileName, err)
	if !sys.IsOther(dir, fileName) && !errors.Is(err, errUnusable) {
		h.unread = err
	}
	return h, err
}

func empty(dir int, path string, clock func() time.Time) *History {
	return &History{
		state: state{
			clock: clock, session: unnamed,
			files:      make(map[string]*Note),
			unanswered: make(map[string]int),
		},
		out: file{dir: dir, path: path, fd: -1},
	}
}

// Exists reports if the Maildir has anything with the name vodmr.notes.
func Exists(dir int, path string) (bool, error) {
	var st unix.Stat_t
	err := sys.Lstat(dir, fileName, &st)
	if err == unix.ENOENT {
		return false, nil
	}
	return err == nil, sys.Named(sys.Join(path, fileName), err)
}

// named puts a file's path in front of an error, if there is one.
func (f *file) named(name string, err error) error {
	return sys.Named(sys.Join(f.path, name), err)
}

// Unread returns why the file could not be read, if it may still hold good notes.
func (h *History) Unread() error { return h.unread }

// Mend replaces a file that is torn or holds no notes, as Begin does, but begins no
// session: messages that the last one left unanswered stay unanswered.
func (h *History) Mend() error {
	if !h.out.unusable && !h.out.torn {
		return nil
	}
	return h.rewrite()
}

// Close closes the file. Lines that were not flushed are lost.
func (h *History) Close() {
	sys.Close(h.out.fd)
	h.out.fd = -1
}

// Abandon has nothing written any more: the Maildir's lock is lost, and another session may
// write the file.
func (h *History) Abandon() { h.out.abandoned = true }

// load reads the file, if it is a regular one.
func (h *History) load() error {
	fd, st, err := sys.OpenRegular(h.out.dir, fileName, unix.O_RDONLY|sys.Safely, 0)
	if err == sys.ErrNotRegular {
		return errUnusable
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if st.Size > maxFile {
		return errTooMuch
	}
	h.state.loading = true
	good, err := h.readLines(fd)
	h.state.loading = false
	if h.state.tooMuch {
		return errTooMuch
	}
	if err == nil && good == 0 && h.Damaged > 0 {
		return errUnusable
	}
	if !h.state.trust.known {
		// Older versions did not note if the server ever took mail: it did if a session ended
		// cleanly.
		h.state.trust.taken = h.state.ended != 0
	}
	h.out.size, h.out.appended, h.out.lines = st.Size, st.Size, good
	return err
}

// readLines applies all lines of the file and counts those that were understood.
func (h *History) readLines(fd int) (good int, err error) {
	buf, have := make([]byte, 64<<10), 0
	skip := false // in a line that is too long
	for {
		got, err := sys.Read(fd, buf[have:])
		if err != nil || got == 0 || h.state.tooMuch {
			h.tear(buf[:have], skip)
			return good, err
		}
		rest := buf[:have+got]
		for {
			line, after, whole := bytes.Cut(rest, []byte("\n"))
			if !whole {
				break
			}
			if !skip && h.state.apply(string(line)) {
				good++
			} else {
				h.Damaged++
				h.state.sending = false
			}
			rest, skip = after, false
		}
		if len(rest) > maxNoteLine {
			rest, skip = nil, true
		}
		have = copy(buf, rest)
	}
}

// tear looks at a last line without an end. If it begins with a digit, vodmr was writing
// it. Anything else is damage, such as the zeros that a crash can leave at a file's end.
func (h *History) tear(rest []byte, tooLong bool) {
	h.out.torn = len(rest) > 0 || tooLong
	if tooLong || len(rest) > 0 && !('0' <= rest[0] && rest[0] <= '9') && rest[0] != '%' {
		h.Damaged++
	}
}

// Flush writes the pending lines with one write. If it fails, nothing is lost: the next
// Flush tries them again, and fails as long as any line is missing from the file. The
// caller sends one message at a time meanwhile.
func (h *History) Flush() error {
	f := &h.out
	if f.abandoned || len(f.pending) == 0 && !f.dropped {
		return nil
	}
	if f.dropped || f.appended+int64(len(f.pending)) > maxAppended || f.lines > maxLines {
		err := h.rewrite()
		if err == nil || f.dropped || f.full() {
			return err
		}
		f.total += f.lines
		f.appended, f.lines = 0, 0 // try that again in a while
	}
	return f.appendPending()
}

// full reports if the file would become larger than one that is read again.
func (f *file) full() bool {
	return f.size+int64(len(f.pending)) > loadedSize || f.total+f.lines > mostLines
}

func (f *file) appendPending() error {
	if f.fd < 0 {
		f.quarantine()
		fd, _, err := sys.OpenRegular(f.dir, fileName, unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|sys.Safely, 0o600)
		if err != nil {
			return f.named(fileName, err)
		}
		f.fd = fd
	}
	data := f.pending
	if f.torn {
		// vodmr never writes a lone %. It makes a torn line void, which may look like a whole one.
		data = append([]byte("%\n"), data...)
	}
	if err := fdio.WriteAll(f.fd, data); err != nil {
		f.torn = true // perhaps
		return f.named(fileName, err)
	}
	f.torn = false
	f.appended += int64(len(data))
	f.size += int64(len(data))
	f.pending = f.pending[:0]
	return nil
}

// quarantine renames a file that vodmr did not write, if it can.
func (f *file) quarantine() {
	if f.unusable && sys.Quarantine(f.dir, fileName, badName) == nil {
		f.unusable, f.torn = false, false
	}
}

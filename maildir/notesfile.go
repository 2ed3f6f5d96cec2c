package maildir

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
	notesName = "vodmr.notes"
	notesTmp  = notesName + ".tmp"
	notesBad  = notesName + ".bad"

	maxPending  = 64 << 10 // beyond it, one rewriting of the file replaces the lines
	maxAppended = 1 << 20  // then the file is rewritten
	maxLines    = 8000     // appended, then too
	mostLines   = 12000    // are appended even if it cannot be rewritten
	maxNoteLine = 4 << 10  // longer than any that we write: base names and texts are short
	maxFile     = 6 << 20  // no notes of ours are larger
)

// notesFile is the writing side of Notes.
type notesFile struct {
	fd       int    // open for appending, or -1
	pending  []byte // lines that are not in the file yet
	dropped  bool   // there were too many of them: only a rewriting helps
	torn     bool   // the file's last line has no end
	rubbish  bool   // what has the name is no file of ours
	appended int    // bytes since a rewriting was last tried
	lines    int    // lines, pending ones too, since then
	size     int64  // bytes of the whole
	total    int    // lines since it was rewritten, but those counted in lines
}

// add takes pending with a line more.
func (f *notesFile) add(pending []byte) {
	f.pending = pending
	f.lines++
	if len(f.pending) > maxPending {
		f.pending, f.dropped = f.pending[:0], true
	}
}

var (
	errRubbish = errors.New("it holds no notes: it is set aside as " + notesBad)
	errTooMuch = fmt.Errorf("%w, as it is larger than any that vodmr writes", errRubbish)
)

// OpenNotes reads MAILDIR/vodmr.notes. It always returns Notes, and beside them an error
// that is to be logged where the file could not be read: Begin then renames it to
// vodmr.notes.bad, where it can, and starts anew. clock is time.Now but in tests.
// Nothing is written or created before Begin or Flush.
func (b *Box) OpenNotes(clock func() time.Time) (*Notes, error) {
	n := b.newNotes(clock)
	err := n.load()
	if err == nil || err == unix.ENOENT {
		return n, nil
	}
	if n.over {
		n = b.newNotes(clock) // what was read of it may be anybody's
	}
	n.out.rubbish = true
	err = fmt.Errorf("%s: %w", sys.Join(b.path, notesName), err)
	if !sys.IsOther(b.dir, notesName) && !errors.Is(err, errRubbish) {
		n.unread = err
	}
	return n, err
}

func (b *Box) newNotes(clock func() time.Time) *Notes {
	return &Notes{
		box: b, clock: clock, session: unnamed,
		files:      make(map[string]*Note),
		unanswered: make(map[string]int),
		out:        notesFile{fd: -1},
	}
}

// Unread says why the file could not be read, where it may hold notes all the same.
func (n *Notes) Unread() error { return n.unread }

// HasNotes says whether anything has the notes' name.
func (b *Box) HasNotes() (bool, error) {
	var st unix.Stat_t
	err := sys.Lstat(b.dir, notesName, &st)
	if err == nil || err == unix.ENOENT {
		return err == nil, nil
	}
	return false, fmt.Errorf("%s: %w", sys.Join(b.path, notesName), err)
}

// Mend replaces a file that is torn or holds no notes, as Begin does, but begins no
// session: what the last one left unanswered stays so.
func (n *Notes) Mend() error {
	if !n.out.rubbish && !n.out.torn {
		return nil
	}
	return n.rewrite()
}

// Close closes the file. What was not flushed is lost.
func (n *Notes) Close() {
	sys.Close(n.out.fd)
	n.out.fd = -1
}

// load reads the file, if it is one.
func (n *Notes) load() error {
	fd, err := sys.Open(n.box.dir, notesName, unix.O_RDONLY|sys.Safely, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := sys.Stat(fd, &st); err != nil {
		return err
	}
	switch {
	case !sys.IsRegular(&st):
		return errRubbish
	case st.Size > maxFile:
		return errTooMuch
	}
	n.loading = true
	good, err := n.readLines(fd)
	n.loading = false
	switch {
	case n.over:
		return errTooMuch
	case err == nil && good == 0 && n.Damaged > 0:
		return errRubbish
	}
	n.infer()
	n.out.size, n.out.appended, n.out.lines = st.Size, int(st.Size), good
	return err
}

// readLines applies all lines of the file and counts those that were understood.
func (n *Notes) readLines(fd int) (good int, err error) {
	buf, have := make([]byte, 64<<10), 0
	skip := false // in a line that is too long
	for {
		got, err := sys.Read(fd, buf[have:])
		if err != nil || got == 0 || n.over {
			n.tear(buf[:have], skip)
			return good, err
		}
		rest := buf[:have+got]
		for {
			line, after, whole := bytes.Cut(rest, []byte("\n"))
			if !whole {
				break
			}
			if !skip && n.apply(string(line)) {
				good++
			} else {
				n.Damaged++
				n.sending = false
			}
			rest, skip = after, false
		}
		if len(rest) > maxNoteLine {
			rest, skip = nil, true
		}
		have = copy(buf, rest)
	}
}

// tear takes note of a last line without an end. One that we began to write begins with
// a digit; zeros, say, which a crash can leave at a file's end, are damage.
func (n *Notes) tear(rest []byte, tooLong bool) {
	n.out.torn = len(rest) > 0 || tooLong
	if tooLong || len(rest) > 0 && !isDigit(rest[0]) && rest[0] != '%' {
		n.Damaged++
	}
}

// Flush writes the lines that are pending, with one write. Where it fails, nothing is
// forgotten: they are tried again by the next Flush, which fails as long as any line
// is missing from the file. The caller sends one message at a time meanwhile.
func (n *Notes) Flush() error {
	f := &n.out
	if len(f.pending) == 0 && !f.dropped {
		return nil
	}
	if f.dropped || f.appended+len(f.pending) > maxAppended || f.lines > maxLines {
		err := n.rewrite()
		if err == nil || f.dropped || f.full() {
			return err
		}
		f.total += f.lines
		f.appended, f.lines = 0, 0 // try that again in a while
	}
	return n.appendPending()
}

// full says that the file would become larger than one that is read again.
func (f *notesFile) full() bool {
	return f.size+int64(len(f.pending)) > loadedSize || f.total+f.lines > mostLines
}

func (n *Notes) appendPending() error {
	f := &n.out
	if err := n.openForAppend(); err != nil {
		return fmt.Errorf("%s: %w", sys.Join(n.box.path, notesName), err)
	}
	data := f.pending
	if f.torn {
		// A lone % is never ours: a torn line, which may look like a whole one, is void.
		data = append([]byte("%\n"), data...)
	}
	if err := fdio.WriteAll(f.fd, data); err != nil {
		f.torn = true // perhaps
		return fmt.Errorf("%s: %w", sys.Join(n.box.path, notesName), err)
	}
	f.torn = false
	f.appended += len(data)
	f.size += int64(len(data))
	f.pending = f.pending[:0]
	return nil
}

func (n *Notes) openForAppend() error {
	f := &n.out
	if f.fd >= 0 {
		return nil
	}
	n.setAside()
	fd, err := sys.Open(n.box.dir, notesName, unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|sys.Safely, 0o600)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := sys.Stat(fd, &st); err != nil || !sys.IsRegular(&st) {
		unix.Close(fd)
		return errors.Join(err, ErrNotRegular)
	}
	f.fd = fd
	return nil
}

// setAside renames what is not ours away, where that can be done.
func (n *Notes) setAside() {
	if !n.out.rubbish {
		return
	}
	sys.Unlink(n.box.dir, notesBad) // a file cannot be replaced by a directory
	if sys.Rename(n.box.dir, notesName, notesBad) == nil {
		n.out.rubbish, n.out.torn = false, false
	}
}

package maildir

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
	"vodmr/internal/sys"
)

// rewrite replaces the file by one that holds the state and nothing else, so that it
// does not grow for ever. Where that fails, the old file stands and the lines that are
// pending stay so.
func (n *Notes) rewrite() error {
	n.setAside()
	fd, err := n.writeTmp()
	if err != nil {
		return fmt.Errorf("%s: %w", sys.Join(n.box.path, notesTmp), err)
	}
	var st unix.Stat_t
	if err := sys.Stat(fd, &st); err != nil {
		st.Size = maxFile // rewritten again soon
	}
	n.Close()
	n.out = notesFile{fd: fd, pending: n.out.pending[:0], size: st.Size}
	return nil
}

// writeTmp makes the new file, durable and in place, and returns it open for appending.
func (n *Notes) writeTmp() (int, error) {
	dir := n.box.dir
	sys.Unlink(dir, notesTmp) // left by a crash
	fd, err := sys.Open(dir, notesTmp, unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|unix.O_EXCL|sys.Safely, 0o600)
	if err != nil {
		return -1, err
	}
	if err = n.writeState(fd); err == nil {
		err = sys.Sync(fd)
	}
	if err == nil {
		err = sys.Rename(dir, notesTmp, notesName)
	}
	if err != nil {
		unix.Close(fd)
		sys.Unlink(dir, notesTmp)
		return -1, err
	}
	return fd, nil
}

// writeState writes the notes of all files, then what is in flight in this session.
func (n *Notes) writeState(fd int) error {
	now := n.clock().Unix()
	var buf []byte
	for _, base := range slices.Sorted(maps.Keys(n.files)) {
		buf = appendState(buf, now, base, n.files[base])
		if len(buf) > maxPending {
			if err := fdio.WriteAll(fd, buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
	}
	buf = n.appendServers(buf)
	if n.ended != 0 {
		buf = appendNote(buf, n.ended, "session", inOrder)
	}
	if n.passed > 0 {
		buf = appendNote(buf, now, "passed", strconv.Itoa(n.passed))
	}
	if n.Bounces() > 0 {
		buf = n.appendBounced(buf)
	}
	buf = n.history.appendTo(buf, now, n.ended)
	if n.ladder.alone { // it has been on this rung since it began
		buf = n.ladder.appendTo(buf)
	}
	if n.session != inOrder { // or it would have ended now
		buf = appendNote(buf, now, "session", n.session)
	}
	if n.ladder.rung > 0 && !n.ladder.alone {
		buf = n.ladder.appendTo(buf)
	}
	for _, bases := range n.inFlight() {
		for i, base := range bases {
			buf = appendNote(buf, now, sentVerb(i), base)
		}
	}
	return fdio.WriteAll(fd, buf)
}

// appendState writes the lines that make one note again. The order matters: kept
// forgets the breaks and the reason before it.
func appendState(buf []byte, now int64, base string, note *Note) []byte {
	if note.Tries > 0 {
		buf = appendNote(buf, note.Last, "kept", base, int64(note.Tries), note.First, note.Reply)
	}
	if note.Breaks > 0 {
		buf = appendNote(buf, note.Broke, "broke", base, int64(note.Breaks))
	}
	if note.Reason != "" {
		buf = appendNote(buf, now, "stays", base, note.Reason)
	}
	if note.Done {
		buf = appendNote(buf, note.Last, "done", base)
	}
	return buf
}

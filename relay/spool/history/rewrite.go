package history

import (
	"maps"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
	"vodmr/internal/sys"
)

// rewrite replaces the file by one that holds only the state, so that it does not grow for
// ever. If that fails, the old file stays and the pending lines stay pending.
func (h *History) rewrite() error {
	h.out.quarantine()
	fd, err := replace(h.out.dir, fileName, tmpName, 0o600, func(fd int) error {
		if err := h.writeState(fd); err != nil {
			return err
		}
		return sys.Sync(fd)
	})
	if err != nil {
		return h.out.named(tmpName, err)
	}
	var st unix.Stat_t
	if err := sys.Stat(fd, &st); err != nil {
		st.Size = maxFile // rewritten again soon
	}
	h.Close()
	h.out = file{dir: h.out.dir, path: h.out.path, fd: fd, pending: h.out.pending[:0], size: st.Size}
	return nil
}

// replace makes a new file by way of tmp, puts it in place, and returns it open for appending.
func replace(dir int, name, tmp string, mode uint32, write func(fd int) error) (int, error) {
	sys.Unlink(dir, tmp) // left by a crash
	fd, err := sys.Open(dir, tmp, unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|unix.O_EXCL|sys.Safely, mode)
	if err != nil {
		return -1, err
	}
	if err = write(fd); err == nil {
		err = sys.Rename(dir, tmp, name)
	}
	if err != nil {
		unix.Close(fd)
		sys.Unlink(dir, tmp)
		return -1, err
	}
	return fd, nil
}

// writeState writes the notes of all messages, then those in flight in this session.
func (h *History) writeState(fd int) error {
	now := h.state.clock().Unix()
	var buf []byte
	for _, base := range slices.Sorted(maps.Keys(h.state.files)) {
		buf = appendState(buf, now, base, h.state.files[base])
		if len(buf) > maxPending {
			if err := fdio.WriteAll(fd, buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
	}
	for _, key := range slices.Sorted(maps.Keys(h.state.servers)) {
		buf = appendNote(buf, h.state.servers[key].when, "server", key, h.state.servers[key].word)
	}
	if h.state.ended != 0 {
		buf = appendNote(buf, h.state.ended, "session", cleanEnd)
	}
	if h.state.passed > 0 {
		buf = appendNote(buf, now, "passed", strconv.Itoa(h.state.passed))
	}
	if h.Bounces() > 0 {
		buf = h.state.appendBounced(buf)
	}
	buf = h.state.trust.appendTo(buf, now, h.state.ended)
	if h.state.ladder.alone { // it has been on this rung since it began
		buf = h.state.ladder.appendTo(buf)
	}
	if h.state.session != cleanEnd { // or it would have ended now
		buf = appendNote(buf, now, "session", h.state.session)
	}
	if h.state.ladder.rung > 0 && !h.state.ladder.alone {
		buf = h.state.ladder.appendTo(buf)
	}
	for _, bases := range h.state.inFlight() {
		for i, base := range bases {
			buf = appendNote(buf, now, sentVerb(i), base)
		}
	}
	return fdio.WriteAll(fd, buf)
}

// appendState writes the lines that restore one note. The order matters: kept clears the
// breaks and the reason before it.
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

package maildir

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

var (
	// ErrGone is the error if the message is not in the Maildir any more, or that a mail
	// reader marked it as deleted.
	ErrGone = errors.New("the message is gone")
	// ErrNotRegular is the error if a name is a link, a FIFO or a directory.
	ErrNotRegular = sys.ErrNotRegular
	// ErrChanged is the error if a message grew or shrank while it was read. Files in a
	// Maildir never change, so the part that was read must not be sent.
	ErrChanged = errors.New("the file changed while it was read")
)

// A Message is an open message file.
type Message struct {
	Entry       // where it is now
	Size  int64 // bytes, as it was opened
	FD    int   // close-on-exec, positioned at the start
}

// OpenMessage opens a message. If a mail reader renamed it, it is found again; if that
// fails, the error is ErrGone. Only a regular file of the Maildir's owner is opened
// (ErrNotRegular, ErrOwner), and nothing makes the call wait.
func (b *Box) OpenMessage(e Entry) (*Message, error) {
	m := &Message{FD: -1}
	at, err := b.follow(e, func(e Entry) error { return b.open(m, e) })
	m.Entry = at
	if err == nil {
		err = b.inspect(m)
	} else if err != ErrGone && sys.IsOther(b.sub[at.sub()], at.Name) {
		err = ErrNotRegular // each system has errors of its own for a link or a socket
	}
	if err != nil {
		return nil, sys.Named(at.Path(), err)
	}
	return m, nil
}

// Peek opens a message under its own name, and reads it into buf or a larger buffer if it
// has at most that many bytes; then it is closed already. If this fails for any reason,
// OpenMessage finds out the reason. Unlike all else here, other goroutines may call
// it at any time before Close.
func (b *Box) Peek(e Entry, most int64, buf []byte) (m *Message, content []byte, ok bool) {
	m = &Message{Entry: e, FD: -1}
	if b.open(m, e) != nil || b.inspect(m) != nil {
		return nil, buf, false
	}
	if m.Size > most {
		return m, buf, true
	}
	defer m.Close()
	content, err := m.ReadAll(buf)
	return m, content, err == nil
}

func (b *Box) open(m *Message, e Entry) (err error) {
	if e.trashed() {
		return ErrGone
	}
	m.FD, err = sys.Open(b.sub[e.sub()], e.Name, unix.O_RDONLY|sys.Safely, 0)
	return err
}

// inspect fills in the size, and closes a file that is not a message.
func (b *Box) inspect(m *Message) error {
	var st unix.Stat_t
	err := sys.Stat(m.FD, &st)
	if err == nil && !sys.IsRegular(&st) {
		err = ErrNotRegular
	} else if err == nil && st.Uid != b.uid {
		err = fmt.Errorf("%w: it belongs to uid %d, not %d: chown it", ErrOwner, st.Uid, b.uid)
	}
	if err != nil {
		m.Close()
		return err
	}
	m.Size = st.Size
	return nil
}

// ReadAll reads the whole message into buf, or into a larger buffer if it must. It asks for
// one byte more than Size, so that one call shows if the file grew, and otherwise reaches
// its end. ErrChanged means that it grew or shrank.
func (m *Message) ReadAll(buf []byte) ([]byte, error) {
	size := m.Size + 1
	if int64(cap(buf)) < size {
		buf = make([]byte, size)
	}
	buf = buf[:size]
	got := int64(0)
	for got < size {
		n, err := sys.ReadAt(m.FD, buf[got:], got)
		if err != nil {
			return nil, sys.Named(m.Path(), err)
		}
		got += int64(n)
		if n == 0 || got == m.Size {
			break
		}
	}
	if got != m.Size {
		return nil, sys.Named(m.Path(), ErrChanged)
	}
	return buf[:got], nil
}

// ReadAt reads len(p) bytes at off. If the file ends before, it returns fewer and io.EOF.
func (m *Message) ReadAt(p []byte, off int64) (int, error) {
	n, err := sys.ReadFull(m.FD, p, off)
	if err != nil {
		return n, sys.Named(m.Path(), err)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Close closes the file; a second time it does nothing.
func (m *Message) Close() {
	sys.Close(m.FD)
	m.FD = -1
}

package qmail

import (
	"io"
	"strconv"
	"strings"
)

// A messageCopy reads a message up to a limit in bytes (0: none). It adds a newline if the
// end has none, since qmail-remote refuses such a message. If something was left out, a
// line at the end tells so.
type messageCopy struct {
	from  io.Reader
	limit int64
	done  int64
	last  byte
	err   error           // came with the last bytes
	tail  *strings.Reader // the lines below the copy; nil until then
}

func (m *messageCopy) Read(p []byte) (int, error) {
	if m.tail != nil {
		return m.tail.Read(p)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if m.limit > 0 && m.done == m.limit {
		return m.probe(p)
	}
	if m.limit > 0 {
		p = p[:min(int64(len(p)), m.limit-m.done)]
	}
	n, err := m.read(p)
	if n > 0 {
		m.done += int64(n)
		m.last = p[n-1]
		return n, nil
	}
	if err == io.EOF {
		m.end("")
		err = nil
	}
	return 0, err
}

// read keeps an error that comes with bytes for the next call: not every reader returns it
// twice.
func (m *messageCopy) read(p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	n, err := m.from.Read(p)
	m.err = err
	return n, err
}

// probe finds out if the message goes on beyond the limit.
func (m *messageCopy) probe(p []byte) (int, error) {
	n, err := m.read(p[:1])
	switch {
	case n > 0:
		m.end("--- The rest is left out: this notice copies " + strconv.FormatInt(m.limit, 10) + " bytes.\n")
	case err == io.EOF:
		m.end("")
	default:
		return 0, err
	}
	return m.tail.Read(p)
}

func (m *messageCopy) end(tail string) {
	if m.last != '\n' {
		tail = "\n" + tail
	}
	m.tail = strings.NewReader(tail)
}

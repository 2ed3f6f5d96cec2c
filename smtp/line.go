package smtp

import (
	"bytes"
	"errors"
	"io"
	"time"
)

// A Stream is a connection as this package needs it. *fdio.Conn and net.Conn
// are Streams.
type Stream interface {
	io.Reader
	io.Writer
	SetDeadline(time.Time) error
}

// ErrLineTooLong is returned for a line over a LineReader's limit.
var ErrLineTooLong = errors.New("line too long")

// A LineReader splits a Stream into lines and can hand out the raw bytes
// between them. Its memory is bounded by the longest line.
type LineReader struct {
	src   io.Reader
	max   int
	buf   []byte
	start int
}

// readChunk is how many bytes one read asks for.
const readChunk = 4096

// NewLineReader reads lines of at most max bytes, line ends not counted.
func NewLineReader(src io.Reader, max int) *LineReader {
	return &LineReader{src: src, max: max}
}

// ReadLine returns the next line without its CRLF or LF. The bytes are valid
// until the next call. A last line without an end is not a line: it is lost in
// io.EOF.
func (l *LineReader) ReadLine() ([]byte, error) {
	searched := 0
	for {
		rest := l.buf[l.start:]
		if i := bytes.IndexByte(rest[searched:], '\n'); i >= 0 {
			line := rest[:searched+i]
			l.start += searched + i + 1
			line = bytes.TrimSuffix(line, []byte("\r"))
			if len(line) > l.max {
				return nil, ErrLineTooLong
			}
			return line, nil
		}
		// A CR at the end may be half of the line's end.
		if len(bytes.TrimSuffix(rest, []byte("\r"))) > l.max {
			return nil, ErrLineTooLong
		}
		searched = len(rest)
		if err := l.fill(); err != nil {
			return nil, err
		}
	}
}

// Read returns raw bytes: what was read ahead first.
func (l *LineReader) Read(p []byte) (int, error) {
	if l.Buffered() == 0 {
		return l.src.Read(p)
	}
	n := copy(p, l.buf[l.start:])
	l.start += n
	return n, nil
}

// Buffered is how many bytes were read but not yet returned.
func (l *LineReader) Buffered() int { return len(l.buf) - l.start }

// HasLine reports if ReadLine can return without reading.
func (l *LineReader) HasLine() bool {
	return bytes.IndexByte(l.buf[l.start:], '\n') >= 0
}

// fill reads once, reusing the space of lines that were returned.
func (l *LineReader) fill() error {
	if l.start > 0 {
		l.buf = l.buf[:copy(l.buf, l.buf[l.start:])]
		l.start = 0
	}
	if cap(l.buf)-len(l.buf) < readChunk/2 {
		grown := make([]byte, len(l.buf), cap(l.buf)+readChunk)
		copy(grown, l.buf)
		l.buf = grown
	}
	n, err := l.src.Read(l.buf[len(l.buf):cap(l.buf)])
	l.buf = l.buf[:len(l.buf)+n]
	if n > 0 {
		return nil
	}
	return err
}

package spool

import (
	"bytes"
	"io"

	"vodmr/maildir"
	"vodmr/smtp"
)

// A content reads a message's file without its envelope lines.
type content struct {
	message *maildir.Message
	cut     []maildir.Span
	offset  int64
}

// open opens a message's file again and checks that it is the one that was read.
func (f *files) open(it *Message) (*content, error) {
	m, err := f.box.OpenMessage(it.entry)
	if err != nil {
		return nil, err
	}
	if m.Size != it.size {
		m.Close()
		return nil, maildir.ErrChanged
	}
	it.entry = m.Entry
	return &content{message: m, cut: it.cut}, nil
}

// Read skips the envelope lines. A file that became shorter is
// maildir.ErrChanged, since io.EOF would pass for its end.
func (c *content) Read(p []byte) (int, error) {
	end := c.message.Size
	for len(c.cut) > 0 {
		if c.offset < c.cut[0].From {
			end = c.cut[0].From
			break
		}
		c.offset = c.cut[0].To
		c.cut = c.cut[1:]
	}
	if c.offset >= end {
		return 0, io.EOF
	}
	n, err := c.message.ReadAt(p[:min(int64(len(p)), end-c.offset)], c.offset)
	c.offset += int64(n)
	if err == io.EOF && n == 0 {
		return 0, maildir.ErrChanged
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}

const (
	// scanSize is how many bytes are scanned at once.
	scanSize = 64 << 10
	// lookEach is after how many bytes of a file that is only read a session checks that
	// the customer is still there. A file with holes can be larger than any disk:
	// reading it all would keep a processor, a place and the lock for nobody.
	lookEach = 4 << 20
)

// scan reads a content to its end, by way of buffer, unless hungUp reports that this is in
// vain. c itself does not move.
func (c *content) scan(buffer []byte, hungUp func() bool) (smtp.Scan, error) {
	scanned := *c
	var scan smtp.Scan
	look := scanned.offset + lookEach
	for {
		n, err := scanned.Read(buffer)
		scan.Add(buffer[:n])
		switch {
		case err == io.EOF:
			return scan, nil
		case err != nil:
			return scan, err
		case scanned.offset < look:
		case hungUp():
			return scan, smtp.ErrHungUp
		default:
			look = scanned.offset + lookEach
		}
	}
}

func (c *content) Close() { c.message.Close() }

// sameContent reports if two messages have the same bytes: it compares them.
func (f *files) sameContent(a, b *Message) bool {
	if a.length != b.length || a.sum != b.sum {
		return false
	}
	if a.body != nil && b.body != nil {
		return bytes.Equal(a.body, b.body)
	}
	if f.compared += a.length; f.compared > comparedMax {
		return false
	}
	x, err := f.open(a)
	if err != nil {
		return false
	}
	defer x.Close()
	y, err := f.open(b)
	if err != nil {
		return false
	}
	defer y.Close()
	return equalReaders(x, y, f.hungUp)
}

const (
	// compareSize is how many bytes are compared at once.
	compareSize = 64 << 10
	// comparedMax is how many bytes of files are compared for one transaction:
	// the server waits meanwhile. A copy beyond goes as a message of its own.
	comparedMax = 256 << 20
)

// equalReaders compares to the end, and is false once hungUp reports that this is in vain.
func equalReaders(x, y io.Reader, hungUp func() bool) bool {
	p, r := make([]byte, compareSize), make([]byte, compareSize)
	for look := lookEach; ; look -= compareSize {
		if look <= 0 {
			if hungUp() {
				return false
			}
			look = lookEach
		}
		n, errX := io.ReadFull(x, p)
		m, errY := io.ReadFull(y, r)
		if !bytes.Equal(p[:n], r[:m]) {
			return false
		}
		if errX != nil || errY != nil {
			return isEnd(errX) && isEnd(errY)
		}
	}
}

func isEnd(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF }

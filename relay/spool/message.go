package spool

import (
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"vodmr/internal/address"
	"vodmr/internal/logline"
	"vodmr/maildir"
	"vodmr/qmail"
	"vodmr/relay/grant"
	"vodmr/smtp"
)

// A Message is one file that may go out: a message for one recipient.
type Message struct {
	entry  maildir.Entry
	base   string
	seen   time.Time // when it was read
	size   int64     // bytes of the file
	sender string    // in RFC 5321's form, without <>
	double bool      // the sender was #@[]

	received bool // a Received stands below the envelope lines

	rcpt string // raw, as the sender wrote it
	to   string // rcpt in RFC 5321's form
	cut  []maildir.Span

	retry bool // it was refused in this session, before the server took a message

	length int64  // bytes of the content: the file without its envelope lines
	sum    uint64 // of the content's start
	raw    []byte // the whole file, if it is held
	body   []byte // the content within raw
}

// Recipient is the recipient's address, raw.
func (m *Message) Recipient() string { return m.rcpt }

const (
	// wholeMax is the largest file in bytes that is read before its MAIL; a
	// larger one is streamed.
	wholeMax = 1 << 20
	// firstHead is how much of a file is read first if it is not held.
	firstHead = 8 << 10
	// sumSize is how much of the content the sum covers.
	sumSize = 1 << 10
)

// files reads the files of one Maildir.
type files struct {
	box         *maildir.Box
	grant       *grant.Grant
	readings    readings
	buffers     buffers
	pieceBuffer []byte
	compared    int64       // bytes of files compared for the next batch
	hungUp      func() bool // the customer has gone: reading is in vain
}

// load reads a file's envelope, and all of it if hold allows that many bytes.
func (f *files) load(entry maildir.Entry, hold int64) (*Message, error) {
	next, err := f.opened(entry)
	if err != nil {
		return nil, err
	}
	m := next.message
	defer m.Close()
	it := &Message{entry: m.Entry, base: m.Entry.Base(), size: m.Size, seen: time.Now()}
	head, err := f.head(it, next, hold)
	if err != nil {
		return nil, err
	}
	return it, f.address(it, head)
}

// head reads the file into it.raw, or its start into a buffer.
func (f *files) head(it *Message, next *reading, hold int64) (head []byte, err error) {
	m := next.message
	if next.content != nil {
		if m.Size <= hold {
			it.raw = next.content
		}
		return next.content, nil
	}
	if m.Size <= hold {
		it.raw, err = m.ReadAll(f.buffers.get())
		return it.raw, err
	}
	for size := firstHead; ; size = maildir.HeadSize {
		head := f.buffer(size)
		n, err := m.ReadAt(head, 0)
		head = head[:n]
		if err != nil && err != io.EOF {
			return nil, err
		}
		_, _, bad := f.parseEnvelope(head, err == io.EOF)
		if bad == nil || err == io.EOF || size == maildir.HeadSize {
			return head, nil
		}
	}
}

// buffer is memory for a piece of a file, until it is asked for again.
func (f *files) buffer(size int) []byte {
	if cap(f.pieceBuffer) < size {
		f.pieceBuffer = make([]byte, size)
	}
	return f.pieceBuffer[:size]
}

// parseEnvelope reads the envelope; if a domain's catch-all is an address, the
// recipient is that of the first delivery, by that domain.
func (f *files) parseEnvelope(head []byte, complete bool) (env maildir.Envelope, by *grant.Catchall, err error) {
	agent := f.grant.Settings.Agent
	env, err = agent.ParseEnvelope(head, complete, maildir.Catchall{})
	for i := range f.grant.Catchalls {
		by := &f.grant.Catchalls[i]
		inner, err := agent.ParseEnvelope(head, complete, by.Catchall)
		if err != nil || inner.Forwarded {
			return inner, by, err
		}
	}
	return env, nil, err
}

// address fills in what the envelope tells.
func (f *files) address(it *Message, head []byte) error {
	envelope, by, err := f.parseEnvelope(head, int64(len(head)) == it.size)
	if err != nil {
		return err
	}
	if it.rcpt, err = f.grant.Recipient(envelope.Recipient, by, it.entry.TellsSize()); err != nil {
		return err
	}
	if it.to, err = address.Quote(it.rcpt); err != nil {
		return err
	}
	if len(envelope.Sender) > qmail.MaxAddress || len(it.to) > qmail.MaxAddress {
		return fmt.Errorf("%w: it is over %d bytes", address.ErrSyntax, qmail.MaxAddress)
	}
	it.sender, it.double, it.received, it.cut = envelope.Sender, envelope.Double, envelope.Received, envelope.Cut
	it.length = it.size
	for _, span := range it.cut {
		it.length -= span.To - span.From
	}
	start := withoutSpans(head, it.cut)
	it.sum = hash(start[:min(int64(len(start)), sumSize, it.length)])
	if it.raw != nil {
		it.body = start
	}
	return nil
}

// withoutSpans takes the spans out of b by moving what stands before each of them
// against what follows: the spans are at the top, so this moves little.
func withoutSpans(b []byte, spans []maildir.Span) []byte {
	start := int64(0)
	for _, span := range spans {
		kept := b[start:span.From]
		start = span.To - int64(len(kept))
		copy(b[start:], kept)
	}
	return b[start:]
}

// A coding is what the addresses of an envelope are made of.
type coding int

const (
	codingASCII   coding = iota
	codingUTF8           // needs SMTPUTF8 (RFC 6531)
	codingUnknown        // SMTP cannot carry it
)

// coding looks at sender and recipient.
func (it *Message) coding() coding {
	switch {
	case !smtp.EightBit(it.sender) && !smtp.EightBit(it.to):
		return codingASCII
	case utf8.ValidString(it.sender) && utf8.ValidString(it.to):
		return codingUTF8
	}
	return codingUnknown
}

// fields are the log's keys for a file, in its order.
func (it *Message) fields() []logline.Field {
	return []logline.Field{
		logline.F("file", it.entry.Path()),
		logline.F("from", "<"+it.sender+">"),
		logline.F("to", "<"+it.to+">"),
		logline.N("bytes", it.length),
	}
}

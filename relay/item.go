package relay

import (
	"fmt"
	"hash/fnv"
	"io"
	"unicode/utf8"

	"vodmr/internal/logline"
	"vodmr/maildir"
	"vodmr/qmail"
	"vodmr/relay/grant"
	"vodmr/smtp"
)

// An item is one file that may go out: a message for one recipient.
type item struct {
	entry  maildir.Entry
	base   string
	size   int64  // bytes of the file
	sender string // in RFC 5321's form, without <>
	double bool   // the sender was #@[]

	received bool // a Received stands below the envelope lines

	rcpt string // raw, as the sender wrote it
	to   string // rcpt in RFC 5321's form
	cut  []maildir.Span

	retry bool // it was refused in this session, before the server took a message

	length int64  // bytes of the content: the file without its envelope lines
	sum    uint64 // of the content's start
	raw    []byte // the whole file, where it is held
	body   []byte // the content within raw
}

const (
	// wholeMax is the largest file in bytes that is read before its MAIL; a
	// larger one is streamed.
	wholeMax = 1 << 20
	// firstHead is how much of a file is read first where it is not held.
	firstHead = 8 << 10
	// sumSize is how much of the content the sum covers.
	sumSize = 1 << 10
)

// load reads a file's envelope, and all of it where hold allows that many bytes.
func (q *queue) load(entry maildir.Entry, hold int64) (*item, error) {
	m, err := q.box.OpenMessage(entry)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	it := &item{entry: m.Entry, base: m.Entry.Base(), size: m.Size}
	head, err := q.head(it, m, hold)
	if err != nil {
		return nil, err
	}
	return it, q.address(it, head)
}

// head reads the file into it.raw, or its start into a buffer of the queue.
func (q *queue) head(it *item, m *maildir.Message, hold int64) ([]byte, error) {
	if m.Size <= hold {
		raw, err := m.ReadAll(q.buffers.get())
		it.raw = raw
		return raw, err
	}
	for size := firstHead; ; size = maildir.HeadSize {
		head := q.buffer(size)
		n, err := m.ReadAt(head, 0)
		head = head[:n]
		if err != nil && err != io.EOF {
			return nil, err
		}
		_, _, bad := q.parseEnvelope(head, err == io.EOF)
		if bad == nil || err == io.EOF || size == maildir.HeadSize {
			return head, nil
		}
	}
}

// buffer is memory for a piece of a file, until it is asked for again.
func (q *queue) buffer(size int) []byte {
	if cap(q.pieceBuffer) < size {
		q.pieceBuffer = make([]byte, size)
	}
	return q.pieceBuffer[:size]
}

// parseEnvelope reads the envelope; if a domain's catch-all is an address, the
// recipient is that of the first delivery, by that domain.
func (q *queue) parseEnvelope(head []byte, complete bool) (env maildir.Envelope, by *grant.Catchall, err error) {
	env, err = maildir.ParseEnvelope(head, complete, maildir.Catchall{})
	for i := range q.grant.Catchalls {
		by := &q.grant.Catchalls[i]
		inner, err := maildir.ParseEnvelope(head, complete, by.Catchall)
		if err != nil || inner.Forwarded {
			return inner, by, err
		}
	}
	return env, nil, err
}

// address fills in what the envelope tells.
func (q *queue) address(it *item, head []byte) error {
	envelope, by, err := q.parseEnvelope(head, int64(len(head)) == it.size)
	if err != nil {
		return err
	}
	if it.rcpt, err = q.grant.Recipient(envelope.Recipient, by); err != nil {
		return err
	}
	if it.to, err = qmail.Quote(it.rcpt); err != nil {
		return err
	}
	if len(envelope.Sender) > qmail.MaxAddress || len(it.to) > qmail.MaxAddress {
		return fmt.Errorf("%w: it is over %d bytes", qmail.ErrAddress, qmail.MaxAddress)
	}
	it.sender, it.double, it.received, it.cut = envelope.Sender, envelope.Double, envelope.Received, envelope.Cut
	it.length = it.size
	for _, span := range it.cut {
		it.length -= span.To - span.From
	}
	start := withoutSpans(head, it.cut)
	sum := fnv.New64a()
	_, _ = sum.Write(start[:min(len(start), sumSize, int(it.length))])
	it.sum = sum.Sum64()
	if it.raw != nil {
		it.body = start
	}
	return nil
}

// withoutSpans takes the spans out of b by moving what stands before them
// against what follows: the spans are at the top, so this moves little.
func withoutSpans(b []byte, spans []maildir.Span) []byte {
	if len(spans) == 0 {
		return b
	}
	last := spans[len(spans)-1]
	start := last.To
	for i := len(spans) - 1; i >= 0; i-- {
		from := int64(0)
		if i > 0 {
			from = spans[i-1].To
		}
		kept := b[from:spans[i].From]
		start -= int64(len(kept))
		copy(b[start:], kept)
	}
	return b[start:]
}

// A coding is what the addresses of an envelope are made of.
type coding int

const (
	codingASCII   coding = iota
	codingUTF8           // needs SMTPUTF8 (RFC 6531)
	codingUnknown        // SMTP has no way to say it
)

// coding looks at sender and recipient.
func (it *item) coding() coding {
	switch {
	case !smtp.EightBit(it.sender) && !smtp.EightBit(it.to):
		return codingASCII
	case utf8.ValidString(it.sender) && utf8.ValidString(it.to):
		return codingUTF8
	}
	return codingUnknown
}

// fields are the log's keys for a file, in its order.
func (it *item) fields() []logline.Field {
	return []logline.Field{
		logline.F("file", it.entry.Path()),
		logline.F("from", "<"+it.sender+">"),
		logline.F("to", "<"+it.to+">"),
		logline.N("bytes", it.length),
	}
}

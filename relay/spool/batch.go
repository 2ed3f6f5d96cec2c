package spool

import (
	"fmt"
	"time"

	"vodmr/smtp"
)

// A Batch is the messages that one transaction carries: one message for some recipients.
type Batch struct {
	Messages []*Message
	Plain    bool // it goes in lock step, without extensions, and alone
	// Foretold is the refusal that the server's extensions foretell: the batch is not to
	// be sent. The zero value is none.
	Foretold    smtp.Reply
	Transaction *smtp.Transaction // what the Sender sends of it

	notice *notice // the batch is this notice; nil if it is mail
	stream *content
	given  bool // Next gave it out, and it has not ended
	begun  bool
}

// Retry reports if the server refused it earlier in this session, before it was trusted.
func (b *Batch) Retry() bool { return b.Messages[0].retry }

func (b *Batch) closeStream() {
	if b.stream != nil {
		b.stream.Close()
		b.stream = nil
	}
}

// prepare makes the batch's transaction. It is false if nothing is left of it: messages
// that are gone or cannot be read are passed over.
func (r *reader) prepare(b *Batch) bool {
	tx := &smtp.Transaction{Plain: b.Plain}
	fill := r.fillMail
	if b.notice != nil {
		fill = r.fillNotice
	}
	if !fill(tx, b) {
		return false
	}
	coding := b.Messages[0].coding() // the same for its copies
	tx.From, tx.UTF8 = b.Messages[0].sender, coding == codingUTF8
	for _, m := range b.Messages {
		tx.To = append(tx.To, m.to)
	}
	b.Transaction, b.Foretold = tx, r.foretold(tx, coding)
	if b.Foretold.Code != 0 {
		b.closeStream()
	}
	return true
}

// fillMail gives tx the content of the first message that can be read.
func (r *reader) fillMail(tx *smtp.Transaction, b *Batch) bool {
	r.dropGone(b)
	for ; len(b.Messages) > 0; b.Messages = b.Messages[1:] {
		err := r.fill(tx, b)
		if err == nil {
			return true
		}
		if err == smtp.ErrHungUp {
			r.unheard(b)
			return false
		}
		r.unfit(b.Messages[0].entry, err)
	}
	return false
}

// unheard keeps messages that were being read when the customer hung up, perhaps since it
// took too long. The next session has them behind what is new, so that one that always
// takes too long keeps nothing else from going out.
func (r *reader) unheard(b *Batch) {
	r.hungUp = true
	for _, m := range b.Messages {
		r.found = append(r.found, finding{kind: foundUnheard, entry: m.entry})
	}
}

// dropGone takes those messages out of a batch that somebody deleted since they
// were read ahead, and learns the new names of others. A body that is held
// serves the copies too. One that was read a moment ago is not looked for: it could as well
// be deleted a moment later, when it is under way.
func (r *reader) dropGone(b *Batch) {
	held := b.Messages[0]
	left := b.Messages[:0]
	for _, m := range b.Messages {
		if time.Since(m.seen) >= r.retries.timings.Fresh {
			at, err := r.files.box.Find(m.entry)
			if err != nil {
				r.unfit(m.entry, err)
				continue
			}
			m.entry = at
		}
		left = append(left, m)
	}
	if b.Messages = left; len(left) > 0 && left[0] != held {
		left[0].raw, left[0].body = held.raw, held.body
	}
}

// fill gives tx its content.
func (r *reader) fill(tx *smtp.Transaction, b *Batch) error {
	lead := b.Messages[0]
	if lead.size > wholeMax {
		return r.fillStream(tx, b)
	}
	if lead.body == nil {
		if err := r.files.readBody(lead); err != nil {
			return err
		}
	}
	r.setBody(tx, lead.body)
	r.sendBuffer = lead.raw
	lead.raw, lead.body = nil, nil
	return nil
}

// fillStream gives tx its content as a stream. If the server is to be told of
// its size or kind, the file is read once beforehand: its line ends make more
// octets than it has bytes, and a server that finds more than SIZE= said may refuse
// in their midst (RFC 1870 section 6.3).
func (r *reader) fillStream(tx *smtp.Transaction, b *Batch) error {
	stream, err := r.files.open(b.Messages[0])
	if err != nil {
		return err
	}
	tx.Size = b.Messages[0].length
	x := r.server
	tooLarge := x.Size > 0 && tx.Size > x.Size // even before its line ends grow
	if (x.SizeOffered || x.EightBitMIME) && !tooLarge {
		scan, err := stream.scan(r.files.buffer(scanSize), r.files.hungUp)
		if err != nil {
			stream.Close()
			return err
		}
		r.scanned(tx, scan)
	}
	b.stream, tx.Stream = stream, stream
	return nil
}

// setBody gives tx a content that is held in memory.
func (r *reader) setBody(tx *smtp.Transaction, body []byte) {
	var scan smtp.Scan
	scan.Add(body)
	tx.Body = body
	r.scanned(tx, scan)
}

// scanned tells tx the result of a scan of its content.
func (r *reader) scanned(tx *smtp.Transaction, scan smtp.Scan) {
	tx.Size = scan.Size()
	tx.EightBit = r.server.EightBitMIME && scan.EightBit
}

// readBody reads a message's file, whole, again or for the first time.
func (f *files) readBody(m *Message) error {
	c, err := f.open(m)
	if err != nil {
		return err
	}
	defer c.Close()
	if m.raw, err = c.message.ReadAll(f.buffers.get()); err != nil {
		return err
	}
	m.body = withoutSpans(m.raw, m.cut)
	return nil
}

// foretold returns the refusal that the server's own extensions foretell: a
// size over its limit (RFC 1870 section 6.1), or an address that it cannot be
// told (RFC 6531 section 3.5, code 5.6.7).
func (r *reader) foretold(tx *smtp.Transaction, coding coding) smtp.Reply {
	x := r.server
	switch {
	case coding == codingUnknown:
		return smtp.NewReply(553, "5.6.7", "this address has 8-bit characters that are not UTF-8, which SMTP cannot carry")
	case tx.UTF8 && !x.SMTPUTF8:
		return smtp.NewReply(553, "5.6.7", "the customer's server does not offer SMTPUTF8, which this address needs")
	case x.Size > 0 && tx.Size > x.Size:
		return smtp.NewReply(552, "5.3.4", fmt.Sprintf("its %d octets exceed the customer's server's limit of %d", tx.Size, x.Size))
	}
	return smtp.Reply{}
}

// buffers keeps the memory of bodies that were sent for those to come.
type buffers struct{ free [][]byte }

// freeMax is how many bodies' memory is kept.
const freeMax = 16

func (b *buffers) get() []byte {
	if len(b.free) == 0 {
		return nil
	}
	last := b.free[len(b.free)-1]
	b.free = b.free[:len(b.free)-1]
	return last[:0]
}

func (b *buffers) put(body []byte) {
	if cap(body) > 0 && len(b.free) < freeMax {
		b.free = append(b.free, body)
	}
}

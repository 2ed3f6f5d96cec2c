package relay

import (
	"fmt"

	"vodmr/internal/logline"
	"vodmr/smtp"
)

// transaction makes what the Sender sends of a group. It is nil where nothing
// is sent: files that are gone or cannot be read are skipped, and what the
// server is known not to take is refused on its behalf.
func (q *queue) transaction(g *group) *smtp.Transaction {
	tx := &smtp.Transaction{Plain: g.plain || q.plain()}
	q.dropGone(g)
	for ; len(g.items) > 0; g.items = g.items[1:] {
		err := q.fill(tx, g)
		if err == nil {
			break
		}
		if err == smtp.ErrHungUp {
			q.unheard(g)
			return nil
		}
		q.skip(g.items[0].entry, err)
	}
	if len(g.items) == 0 {
		return nil
	}
	coding := g.items[0].coding() // the same for its copies
	tx.From, tx.UTF8 = g.items[0].sender, coding == codingUTF8
	for _, it := range g.items {
		tx.To = append(tx.To, it.to)
	}
	refusal := q.foreseen(tx, coding)
	if refusal.Code == 0 {
		return tx
	}
	g.closeStream()
	if !g.items[0].retry {
		q.refusedAll(refusal)
	}
	for _, it := range g.items {
		q.failed(it, refusal, "it cannot be given to the mail server of this domain: ")
	}
	return nil
}

// unheard keeps files that were being read when the customer hung up, perhaps since it
// took too long. The next session has them behind what is new, so that one that always
// takes too long keeps nothing else from going out.
func (q *queue) unheard(g *group) {
	q.hungUp = true
	for _, it := range g.items {
		q.notes.Tried(it.base, "the customer hung up while the file was read")
	}
}

// dropGone takes those files out of a group that somebody deleted since they
// were read ahead, and learns the new names of others. A body that is held
// serves the copies too.
func (q *queue) dropGone(g *group) {
	held := g.items[0]
	left := g.items[:0]
	for _, it := range g.items {
		at, err := q.box.Find(it.entry)
		if err != nil {
			q.skip(it.entry, err)
			continue
		}
		it.entry = at
		left = append(left, it)
	}
	if g.items = left; len(left) > 0 && left[0] != held {
		left[0].raw, left[0].body = held.raw, held.body
	}
}

// fill gives tx its content.
func (q *queue) fill(tx *smtp.Transaction, g *group) error {
	lead := g.items[0]
	if lead.size > wholeMax {
		return q.fillStream(tx, g)
	}
	if lead.body == nil {
		if err := q.readBody(lead); err != nil {
			return err
		}
	}
	tx.Body = lead.body
	var scan smtp.Scan
	scan.Add(tx.Body)
	q.scanned(tx, scan)
	q.lent = lead.raw
	lead.raw, lead.body = nil, nil
	return nil
}

// fillStream gives tx its content as a stream. Where the server is to be told of
// its size or kind, the file is read once beforehand: its line ends make more
// octets than it has bytes, and a server that finds more than SIZE= said may refuse
// in their midst (RFC 1870 section 6.3).
func (q *queue) fillStream(tx *smtp.Transaction, g *group) error {
	stream, err := q.open(g.items[0])
	if err != nil {
		return err
	}
	tx.Size = g.items[0].length
	x := q.sender.Extensions
	tooLarge := x.Size > 0 && tx.Size > x.Size // even before its line ends grow
	if (x.SizeOffered || x.EightBitMIME) && !tooLarge {
		scan, err := stream.scan(q.buffer(scanSize), q.Conn.HungUp)
		if err != nil {
			stream.Close()
			return err
		}
		q.scanned(tx, scan)
	}
	g.stream, tx.Stream = stream, stream
	return nil
}

// scanned tells tx what a scan of its content found.
func (q *queue) scanned(tx *smtp.Transaction, scan smtp.Scan) {
	tx.Size = scan.Size()
	tx.EightBit = q.sender.Extensions.EightBitMIME && scan.EightBit
}

// readBody reads an item's file, whole, again or for the first time.
func (q *queue) readBody(it *item) error {
	c, err := q.open(it)
	if err != nil {
		return err
	}
	defer c.Close()
	if it.raw, err = c.message.ReadAll(q.buffers.get()); err != nil {
		return err
	}
	it.body = withoutSpans(it.raw, it.cut)
	return nil
}

// foreseen returns the refusal that the server's own extensions foretell: a
// size over its limit (RFC 1870 section 6.1), or an address that it cannot be
// told (RFC 6531 section 3.5, code 5.6.7).
func (q *queue) foreseen(tx *smtp.Transaction, coding coding) smtp.Reply {
	x := q.sender.Extensions
	switch {
	case coding == codingUnknown:
		return smtp.NewReply(553, "5.6.7", "this address has 8-bit characters that are not UTF-8, which SMTP has no way to say")
	case tx.UTF8 && !x.SMTPUTF8:
		return smtp.NewReply(553, "5.6.7", "the customer's server does not offer SMTPUTF8, which this address needs")
	case x.Size > 0 && tx.Size > x.Size:
		return smtp.NewReply(552, "5.3.4", fmt.Sprintf("%d octets are over the customer's server's limit of %d", tx.Size, x.Size))
	}
	return smtp.Reply{}
}

// Failed is smtp.Source's: the file could not be read to its end.
func (q *queue) Failed(tx *smtp.Transaction, err error) {
	g := q.flying[tx]
	delete(q.flying, tx)
	g.closeStream()
	for _, it := range g.items {
		q.Log.Event("error", logline.F("file", it.entry.Path()), logline.Err(err))
		q.notes.Tried(it.base, "could not be read to its end: "+err.Error())
		q.shelve(it.base, q.retryWait(it.base))
	}
}

package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"vodmr/internal/address"
	"vodmr/internal/logline"
	"vodmr/qmail"
	"vodmr/relay/grant"
	"vodmr/smtp"
)

// With VODMR_BOUNCE=customer a site that may not send mail tells the customer's own
// postmaster, in the same session, of what could not be delivered. The notice goes out as a
// message of its own, and the message that it is about leaves the Maildir once the
// customer's server has taken the notice.

// A notice tells the customer's postmaster of one message.
type notice struct {
	message *Message   // the one that could not be delivered
	reply   smtp.Reply // what was said of it
	why     string     // for the postmaster
	to      string     // raw
}

// noticeMost is how much of a message a notice copies at most, in bytes: it is held in memory.
const noticeMost = 1 << 20

// tellCustomer has the next batches tell the customer's postmaster of a message.
func (s *Spool) tellCustomer(m *Message, reply smtp.Reply, why string) {
	if m.double || m.sender == "" && s.bouncer.Control.DoubleBounceTo == "" {
		s.bouncer.logDropped(m)
		s.Counts.Bounced++
		s.removeOrNote(m)
		return
	}
	n := &notice{m, reply, why + reply.String(), "postmaster@" + grant.Domain(m.rcpt)}
	if err := s.bouncer.mayBounce(); err != nil {
		s.untold(n, err)
		return
	}
	s.history.Retry(m.base) // it is answered
	s.bouncer.sent.waiting++
	s.reader.notices = append(s.reader.notices, n)
}

// takeNotice returns the batch of the next notice. It is nil if there is none.
func (r *reader) takeNotice() *Batch {
	if len(r.notices) == 0 {
		return nil
	}
	n := r.notices[0]
	r.notices = r.notices[1:]
	to, err := address.Quote(n.to)
	if err != nil {
		to = n.to // the domain was in an address that could be quoted
	}
	it := *n.message
	it.sender, it.double, it.rcpt, it.to, it.retry, it.raw, it.body = "", false, n.to, to, false, nil, nil
	return &Batch{Messages: []*Message{&it}, notice: n}
}

// prepareNotice makes the transaction of a notice. It is false if the message that it is
// about cannot be read; Settle then finds the notice among the lost ones.
func (r *reader) prepareNotice(b *Batch) bool {
	text, err := r.compose(b.notice)
	if err != nil {
		r.lost = append(r.lost, lostNotice{b.notice, err})
		return false
	}
	coding := b.Messages[0].coding()
	tx := &smtp.Transaction{Plain: b.Plain, To: []string{b.Messages[0].to}, Body: text, UTF8: coding == codingUTF8}
	var scan smtp.Scan
	scan.Add(text)
	r.scanned(tx, scan)
	b.transaction, b.Foretold = tx, r.foretold(tx, coding)
	return true
}

// A lostNotice cannot be written.
type lostNotice struct {
	*notice
	err error
}

// settleLost keeps the messages of lost notices.
func (s *Spool) settleLost() (any bool) {
	lost := s.reader.lost
	s.reader.lost = nil
	for _, n := range lost {
		s.noticeEnded()
		s.untold(n.notice, n.err)
	}
	return len(lost) > 0
}

// compose writes the text of a notice.
func (b *Bouncer) compose(n *notice) ([]byte, error) {
	text := new(bytes.Buffer)
	bounce := qmail.Bounce{Sender: n.message.sender, CustomersPostmaster: n.to}
	control := b.Control
	if control.BounceMaxBytes == 0 || control.BounceMaxBytes > noticeMost {
		control.BounceMaxBytes = noticeMost
	}
	err := b.write(n.message, bounce, control, n.why, func(notice io.Reader) error {
		_, err := io.Copy(text, notice)
		return err
	})
	return text.Bytes(), err
}

// Notice reports if the batch is a notice to the customer's postmaster.
func (b *Batch) Notice() bool { return b.notice != nil }

// Told removes the message that a notice is about if the customer's server took the notice;
// reply is its last. If not, the message stays, as if it had been deferred, and the next
// session offers it again.
func (s *Spool) Told(b *Batch, reply smtp.Reply) {
	n := b.notice
	s.noticeEnded()
	if !reply.Accepted() {
		s.untold(n, fmt.Errorf("the notice to %s was not taken, so it stays: %s", shown(n.to), reply))
		return
	}
	s.history.Bounced()
	s.log.Event("bounce", append(n.message.fields(), logline.F("sentto", shown(n.to)))...)
	s.Counts.Bounced++
	s.removeOrNote(n.message)
}

// noticeEnded counts a notice that waits no more.
func (s *Spool) noticeEnded() {
	s.bouncer.sent.waiting--
	s.bouncer.sent.count++
}

// untold keeps a message of which the customer's postmaster was not told.
func (s *Spool) untold(n *notice, why error) {
	s.bouncer.logUnbounced(n.message, why)
	s.history.Kept(n.message.base, n.reply.String())
	s.Counts.Deferred++
	s.retries.postpone(n.message.base, s.retries.retryWait(s.history.Of(n.message.base).Tries))
}

// errUntold says that a session ended too early for a notice.
var errUntold = errors.New("the session ended before the customer's postmaster could be told, so it stays")

// RepeatNotice has a notice sent again in lock step, without extensions.
func (s *Spool) RepeatNotice(b *Batch) {
	s.history.Retry(b.notice.message.base)
	s.reader.repeats = append(s.reader.repeats, &Batch{Messages: b.Messages, Plain: true, notice: b.notice})
}

// NoticesWait reports if notices wait to be sent.
func (s *Spool) NoticesWait() bool {
	return len(s.reader.notices) > 0 && !s.MustStop && !s.reader.hungUp
}

// DropNotices keeps the messages of which nobody can be told in this session any more.
func (s *Spool) DropNotices() {
	for _, n := range s.reader.notices {
		s.noticeEnded()
		s.untold(n, errUntold)
	}
	s.reader.notices = nil
}

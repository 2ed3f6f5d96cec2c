package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"vodmr/internal/address"
	"vodmr/internal/logline"
	"vodmr/maildir"
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

// Notices sends the notices of one spool.
type Notices struct{ spool *Spool }

// noticeMost is how much of a message a notice copies at most, in bytes: it is held in memory.
const noticeMost = 1 << 20

// tell has the next batches tell the customer's postmaster of a message.
func (ns *Notices) tell(m *Message, reply smtp.Reply, why string) {
	if m.double || m.sender == "" && ns.spool.bouncer.Control.DoubleBounceTo == "" {
		ns.spool.bouncer.logDropped(m)
		ns.spool.Counts.Bounced++
		ns.spool.removals.removeOrNote(m)
		return
	}
	n := &notice{m, reply, why + reply.String(), "postmaster@" + grant.Domain(m.rcpt)}
	if err := ns.spool.bouncer.mayBounce(); err != nil {
		ns.untold(n, err)
		return
	}
	ns.spool.history.Retry(m.base) // it is answered
	ns.spool.bouncer.sent.waiting++
	ns.spool.reader.notices = append(ns.spool.reader.notices, n)
}

// takeNotice returns the batch of the next notice. It is nil if there is none.
func (r *reader) takeNotice() *Batch {
	if len(r.notices) == 0 {
		return nil
	}
	n := r.notices[0]
	r.notices = r.notices[1:]
	to := address.Shown(n.to) // it can be quoted, as the address that its domain is from
	it := *n.message
	it.sender, it.double, it.rcpt, it.to, it.retry, it.raw, it.body = "", false, n.to, to, false, nil, nil
	return &Batch{Messages: []*Message{&it}, notice: n}
}

// fillNotice gives tx the text of a notice. It is false if the message that it is about
// cannot be read; Settle then finds that out.
func (r *reader) fillNotice(tx *smtp.Transaction, b *Batch) bool {
	text, err := r.compose(b.notice)
	if err != nil {
		r.found = append(r.found, finding{kind: foundLost, err: err, notice: b.notice})
		return false
	}
	r.setBody(tx, text)
	return true
}

// lost keeps the message of a notice that cannot be written, unless somebody has removed it.
func (ns *Notices) lost(n *notice, err error) {
	ns.ended()
	if errors.Is(err, maildir.ErrGone) {
		ns.spool.skip(n.message.entry, err)
	} else {
		ns.untold(n, err)
	}
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

// Answered removes the message that a notice is about if the customer's server took the notice;
// reply is its last. If not, the message stays, as if it had been deferred, and the next
// session offers it again.
func (ns *Notices) Answered(b *Batch, reply smtp.Reply) {
	n := b.notice
	ns.ended()
	if !reply.Accepted() {
		ns.untold(n, fmt.Errorf("the notice to %s was not taken, so it stays: %s", shown(n.to), reply))
		return
	}
	ns.spool.history.Bounced()
	ns.spool.log.Event("bounce", append(n.message.fields(), logline.F("sentto", shown(n.to)))...)
	ns.spool.Counts.Bounced++
	ns.spool.removals.removeOrNote(n.message)
}

// ended counts a notice that waits no more.
func (ns *Notices) ended() {
	ns.spool.bouncer.sent.waiting--
	ns.spool.bouncer.sent.count++
}

// untold keeps a message of which the customer's postmaster was not told.
func (ns *Notices) untold(n *notice, why error) {
	ns.spool.bouncer.logUnbounced(n.message, why)
	ns.spool.history.Kept(n.message.base, n.reply.String())
	ns.spool.Counts.Deferred++
	ns.spool.retries.postpone(n.message.base, ns.spool.retries.retryWait(ns.spool.history.Of(n.message.base).Tries))
}

// errUntold says that a session ended too early for a notice.
var errUntold = errors.New("the session ended before the customer's postmaster could be told, so it stays")

// Repeat has a notice sent again in lock step, without extensions.
func (ns *Notices) Repeat(b *Batch) {
	ns.spool.history.Retry(b.notice.message.base)
	ns.spool.reader.repeats = append(ns.spool.reader.repeats, &Batch{Messages: b.Messages, Plain: true, notice: b.notice})
}

// Wait reports if notices wait to be sent.
func (ns *Notices) Wait() bool {
	return len(ns.spool.reader.notices) > 0 && !ns.spool.MustStop && !ns.spool.reader.hungUp
}

// Drop keeps the messages of which nobody can be told in this session any more.
func (ns *Notices) Drop() {
	for _, n := range ns.spool.reader.notices {
		ns.ended()
		ns.untold(n, errUntold)
	}
	ns.spool.reader.notices = nil
}

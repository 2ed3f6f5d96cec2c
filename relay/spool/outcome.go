package spool

import (
	"errors"
	"time"

	"vodmr/internal/address"
	"vodmr/internal/logline"
	"vodmr/maildir"
	"vodmr/smtp"
)

// Counts are the numbers in the log's last line of a session.
type Counts struct {
	Waiting   int   // messages in the Maildir
	Delivered int   // messages that the customer took
	Bytes     int64 // of their content
	Bounced   int
	Deferred  int // how often a message was
}

const (
	// ByServer stands in a bounce before a reply of the customer's server.
	ByServer = "the mail server of this domain refused it: "
	// Foretold stands in a bounce before a refusal that the extensions foretell.
	Foretold = "it cannot be given to the mail server of this domain: "
)

// Delivered removes a message that the customer's server took.
func (s *Spool) Delivered(m *Message, reply smtp.Reply) {
	s.removals.remove(m)
	s.Counts.Delivered++
	s.Counts.Bytes += m.length
	logFile(s.log, "success", m, reply)
}

// removeDone removes a message that an earlier session delivered but could not remove.
func (s *Spool) removeDone(entry maildir.Entry) {
	m, err := s.box.OpenMessage(entry)
	if err != nil {
		s.skip(entry, err)
		return
	}
	m.Close()
	if s.removals.removed(m.Entry, m.Size, s.box.Unlink(m.Entry)) != nil {
		s.retries.postpone(m.Entry.Base(), s.Times.Reread)
	}
}

// secondDeferral is how far apart a message must have been deferred twice before its age
// may count against it, by two sessions or by one standing session: a customer's server
// that is broken for an hour must not cost it the mail of a week.
const secondDeferral = 24 * time.Hour

// Deferred keeps a message, unless it has been tried for long enough.
func (s *Spool) Deferred(m *Message, reply smtp.Reply) {
	first := s.history.Of(m.base).First
	if s.old(m.entry) && first != 0 && s.ages.since(first) >= secondDeferral {
		s.bounceOrKeep(m, reply, "it was deferred until it was too old, the last time with: ")
		return
	}
	s.history.Kept(m.base, reply.String())
	s.logKept(m, reply)
}

// logKept counts and logs that a message stays.
func (s *Spool) logKept(m *Message, reply smtp.Reply) {
	s.Counts.Deferred++
	s.retries.postpone(m.base, s.retries.retryWait(s.history.Of(m.base).Tries))
	logFile(s.log, "deferral", m, reply)
}

// Refused bounces a message for a permanent refusal, if that is believed; why stands
// before the reply in the bounce.
func (s *Spool) Refused(m *Message, reply smtp.Reply, why string) {
	if s.grant.Settings.SoftBounce {
		s.Deferred(m, reply)
		return
	}
	if s.Trust.believes(m, reply) {
		s.bounceOrKeep(m, reply, why)
	} else {
		s.Trust.doubtRefusal(m, reply)
	}
}

// Uncertain names the messages of a batch that a broken session left unanswered after
// their content went out: they may arrive again.
func (s *Spool) Uncertain(b *Batch, why error) {
	for _, m := range b.Messages {
		s.log.Event("doubt", append(m.fields(), logline.F("reply", why.Error()))...)
	}
}

// Failed keeps the messages of a batch: their file could not be read to its end.
func (s *Spool) Failed(b *Batch, err error) {
	for _, m := range b.Messages {
		s.log.Event("error", logline.F("file", m.entry.Path()), logline.Err(err))
		s.history.Tried(m.base, "could not be read to its end: "+err.Error())
		s.retries.postpone(m.base, s.retries.retryWait(s.history.Of(m.base).Tries))
	}
}

// Retry notes that a message was answered, but is to be sent again in this session. Call
// Repeat for all of them behind it.
func (s *Spool) Retry(m *Message) { s.history.Retry(m.base) }

// Tried notes a message that the server's end left unanswered: it goes behind messages that
// were tried less.
func (s *Spool) Tried(m *Message, reply smtp.Reply) { s.history.Tried(m.base, reply.String()) }

// Repeat has messages sent again in this session, in one batch.
func (s *Spool) Repeat(messages []*Message, plain bool) {
	if len(messages) == 0 {
		return
	}
	s.reader.repeats = append(s.reader.repeats, &Batch{Messages: messages, Plain: plain})
}

func logFile(log *logline.Logger, event string, m *Message, reply smtp.Reply) {
	log.Event(event, append(m.fields(), logline.F("reply", reply.String()))...)
}

// notOurs says that a message is for no domain of this login.
type notOurs struct{ rcpt string }

func (e *notOurs) Error() string { return "for no domain of this login: " + e.rcpt }

// knownReason reports if the reason that a file stays lies in the file, and not in
// trouble of this host.
func knownReason(err error) bool {
	var other *notOurs
	return errors.As(err, &other) || errors.Is(err, maildir.ErrGone) || errors.Is(err, maildir.ErrNoEnvelope) ||
		errors.Is(err, maildir.ErrNotRegular) || errors.Is(err, maildir.ErrOwner) || errors.Is(err, address.ErrSyntax) || err == errUnproven || err == errForSession
}

// skip logs why a file stays, unless the log has that already.
func (s *Spool) skip(entry maildir.Entry, err error) {
	known := knownReason(err)
	s.Unreadable = s.Unreadable || !known
	if errors.Is(err, maildir.ErrGone) {
		s.Counts.Waiting--
		s.log.Event("skip", logline.F("file", entry.Path()), logline.F("reason", "gone"))
		return
	}
	wait := s.Times.FirstRetry // trouble of this host passes
	if known {
		wait = s.Times.Reread // an error in the file itself is seldom put right
	}
	s.retries.postpone(entry.Base(), wait)
	if s.history.Stays(entry.Base(), err.Error()) {
		s.log.Event("skip", logline.F("file", entry.Path()), logline.F("reason", err.Error()))
	}
}

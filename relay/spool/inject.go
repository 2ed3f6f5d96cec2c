package spool

import (
	"errors"

	"vodmr/maildir"
	"vodmr/smtp"
)

// A bounce is a message that is to be returned; why goes to its sender.
type bounce struct {
	message *Message
	reply   smtp.Reply
	why     string
}

// bouncesAhead is the most bounces that wait until nothing is in flight.
const bouncesAhead = 100

// bounceOrKeep removes a message once its bounce is queued. If mail is in flight that
// waits: qmail-queue may take minutes, and the replies would lie unread.
func (s *Spool) bounceOrKeep(m *Message, reply smtp.Reply, why string) {
	logFile(s.log, "failure", m, reply)
	if s.grant.Settings.TellCustomer {
		s.Notices.tell(m, reply, why)
		return
	}
	b := bounce{m, reply, why + reply.String()}
	if s.inFlight == 0 {
		s.inject(b)
		return
	}
	s.history.Retry(m.base) // it is answered
	s.bounces = append(s.bounces, b)
}

// injectBounces sends the bounces that are due, if nothing is in flight, and reports if
// there were any.
func (s *Spool) injectBounces() (any bool) {
	if s.inFlight > 0 || s.box.Abandoned() || len(s.bounces) == 0 {
		return false
	}
	batch := s.bounces
	s.bounces = nil
	for _, b := range batch {
		s.inject(b)
	}
	return true
}

// inject sends one bounce, and removes its message or keeps it, unless somebody else has removed
// it.
func (s *Spool) inject(b bounce) {
	m := b.message
	err := s.bouncer.bounce(m, b.why)
	if errors.Is(err, maildir.ErrGone) {
		s.history.Retry(m.base) // it is answered
		s.skip(m.entry, err)
		return
	}
	if err != nil {
		s.bouncer.logUnbounced(m, err)
		s.history.Tried(m.base, b.reply.String())
		s.retries.postpone(m.base, s.retries.retryWait(s.history.Of(m.base).Tries))
		return
	}
	s.Counts.Bounced++
	s.removals.removeOrNote(m)
}

package relay

import "vodmr/smtp"

// restrain keeps the Sender to the rung of the ladder that the notes tell.
func (q *queue) restrain() { q.sender.Restrain(smtp.Restraint(q.notes.Rung())) }

// plain says whether the session is on the last rung, where nothing is left to be tried
// in another way.
func (q *queue) plain() bool { return smtp.Restraint(q.notes.Rung()) == smtp.LockStep }

// broke has the next session begin a rung lower, if this one broke with mail in flight.
func (q *queue) broke(sender *smtp.Sender) {
	if len(sender.Unanswered()) > 0 {
		q.notes.Lower()
		q.Sending()
	}
}

// ignore takes those extensions back that this login's sessions are not to use.
func (s *session) ignore(offered *smtp.Extensions) {
	for _, name := range s.grant.Settings.Ignore {
		offered.Ignore(name)
	}
}

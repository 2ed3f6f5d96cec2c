package relay

import "vodmr/smtp"

// restrain keeps the Sender to the rung of the ladder that the notes name.
func (s *source) restrain() {
	rung := smtp.Restraint(s.spool.History().Rung())
	s.sender.Restrain(rung)
	s.lockStep = rung == smtp.LockStep
}

// broke has the next session begin a rung lower, if this one broke with mail in flight.
func (s *source) broke() {
	if len(s.sender.Unanswered()) > 0 {
		s.spool.History().Lower()
		s.Sending()
	}
}

// ignore takes those extensions back that this login's sessions are not to use.
func (s *session) ignore(offered *smtp.Extensions) {
	for _, name := range s.grant.Settings.Ignore {
		offered.Ignore(name)
	}
}

// doubt names the messages that a broken session left unanswered after their content went
// out.
func (s *source) doubt(why error) {
	for _, u := range s.sender.Unanswered() {
		if u.Doubt {
			s.spool.Uncertain(s.inFlight[u.Transaction], why)
		}
	}
}

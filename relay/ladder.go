package relay

import (
	"errors"

	"vodmr/smtp"
)

// restrain keeps the Sender to the rung of the ladder that the notes name.
func (s *source) restrain() {
	rung := smtp.Restraint(s.spool.History().Rung())
	s.sender.Peer.Restrain(rung)
	s.lockStep = rung == smtp.LockStep
}

// broke has the next session begin a rung lower, if this one broke with mail in flight, or
// at the probe: a server that greets with other words each time is not known again.
func (s *source) broke() {
	if len(s.sender.Unanswered()) > 0 || s.sender.Peer.Probing() {
		s.spool.History().Lower()
		s.write()
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

// unsaid notes that the server heard nothing of what is unanswered, not even MAIL. So what
// came before is why the session broke, mostly a refusal (Exim's drop, or its limit on
// commands other than MAIL), and none of this is the suspect.
func (s *source) unsaid() {
	left := s.sender.Unanswered()
	if len(left) == 0 || left[0].Said {
		return
	}
	for _, u := range left {
		for _, m := range s.inFlight[u.Transaction].Messages {
			s.spool.Retry(m)
		}
	}
	s.write()
}

// closed notes what a 421 left unanswered. The server announced its end (RFC 5321 section
// 3.8), so no message is the suspect of it. If the server had refused something before,
// that is likely why: chasquid says 421 in place of a connection's third refusal. The
// rest then keeps its place, so that it is not the third again. If it had not,
// the first message without an answer may be why, and goes behind what was tried less.
func (s *source) closed(err error) {
	closing, is := errors.AsType[*smtp.ClosingError](err)
	if !is {
		return
	}
	for i, u := range s.sender.Unanswered() {
		for _, m := range s.inFlight[u.Transaction].Messages {
			if i == 0 && !s.refusedSome {
				s.spool.Tried(m, closing.Reply)
			} else {
				s.spool.Retry(m)
			}
		}
	}
	s.write()
}

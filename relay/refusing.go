package relay

import (
	"errors"

	"vodmr/internal/logline"
	"vodmr/smtp"
)

const (
	noSession = "the customer's mail server refuses the connection: all mail is kept"
	noName    = "the customer's mail server refuses this host's name in EHLO and HELO: all mail is kept"
)

// logRefusing logs that the customer's server refuses everything; err is how the session
// ended.
func (s *source) logRefusing(err error) {
	why, reply := s.spool.Trust.Refusing()
	var refused *smtp.RefusedError
	if errors.As(err, &refused) && refusesSession(err) {
		why, reply = noSession, refused.Reply
		if refused.What == "HELO" {
			why = noName
		}
	}
	if why != "" {
		s.log.Event("refusing", logline.F("reason", why), logline.F("reply", reply.String()))
	}
}

// refusesSession reports if the greeting or HELO was refused for good.
func refusesSession(err error) bool {
	var refused *smtp.RefusedError
	return errors.As(err, &refused) && refused.Reply.Permanent() && (refused.What == "greeting" || refused.What == "HELO")
}

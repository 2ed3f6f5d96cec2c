package relay

import (
	"errors"

	"vodmr/internal/logline"
	"vodmr/smtp"
)

// A cleanEnd is why a session ended with nothing under way, if not with its last message.
type cleanEnd string

func (e cleanEnd) Error() string { return string(e) }

const (
	endBySignal cleanEnd = "told to end by a signal"
	endByExpire cleanEnd = "vodmr-expire wants the mailbox"
	endByNotes  cleanEnd = "a message that was delivered or bounced can be neither removed nor noted"
	endMailMax  cleanEnd = "the customer's server takes no more messages in one session (MAILMAX)"
	endNoMore   cleanEnd = "the customer's server now refuses MAIL, so another session is to try"
	endRefused  cleanEnd = "the customer's mail server refuses the mail"
)

// isCleanEnd reports if err is a cleanEnd.
func isCleanEnd(err error) bool {
	_, is := errors.AsType[cleanEnd](err)
	return is
}

const (
	noSession = "the customer's mail server refuses the connection: all mail is kept"
	noName    = "the customer's mail server refuses this host's name in EHLO and HELO: all mail is kept"
)

// logRefusing logs that the customer's server refuses everything; err is how the session
// ended.
func (s *source) logRefusing(err error) {
	why, reply := s.spool.Trust.Refusing()
	if refused, is := errors.AsType[*smtp.RefusedError](err); is && refusesSession(err) {
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
	refused, is := errors.AsType[*smtp.RefusedError](err)
	return is && refused.Reply.Permanent() && (refused.What == "greeting" || refused.What == "HELO")
}

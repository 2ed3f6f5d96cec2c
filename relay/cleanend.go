package relay

import "errors"

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
	var e cleanEnd
	return errors.As(err, &e)
}

// withoutWrapping returns the cleanEnd alone if err is one: the Sender's error around it
// says that the connection broke.
func withoutWrapping(err error) error {
	var e cleanEnd
	if errors.As(err, &e) {
		return e
	}
	return err
}

package relay

import "errors"

// A cleanEnd is why a session ended with nothing under way, if not with its last message.
type cleanEnd string

func (e cleanEnd) Error() string { return string(e) }

const (
	endBySignal cleanEnd = "told to end by a signal"
	endByExpire cleanEnd = "vodmr-expire wants the mailbox"
	endByNotes  cleanEnd = "a message that was delivered or bounced can be neither removed nor noted"
	endMoved    cleanEnd = "the Maildir or its vodmr.lock was moved away or made anew"
	endRefused  cleanEnd = "the customer's mail server refuses the mail"
)

// isCleanEnd reports if err is a cleanEnd.
func isCleanEnd(err error) bool {
	_, is := errors.AsType[cleanEnd](err)
	return is
}

// withoutWrapping returns the cleanEnd alone if err is one: the Sender's error around it
// says that the connection broke.
func withoutWrapping(err error) error {
	if e, is := errors.AsType[cleanEnd](err); is {
		return e
	}
	return err
}

package relay

import "errors"

// An over says why a session ended in order, if not with its last message.
type over string

func (o over) Error() string { return string(o) }

const (
	overByTerm  over = "told to end by a signal"
	overByClaim over = "vodmr-expire wants the mailbox"
	overByStuck over = "what is done can neither be removed nor noted"
)

// inOrder says whether err is an over.
func inOrder(err error) bool {
	var o over
	return errors.As(err, &o)
}

// withoutWrapping returns the over alone where err is one: what the Sender makes of it
// says that the connection broke.
func withoutWrapping(err error) error {
	var o over
	if errors.As(err, &o) {
		return o
	}
	return err
}

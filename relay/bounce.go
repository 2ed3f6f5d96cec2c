package relay

import (
	"errors"
	"fmt"

	"vodmr/internal/logline"
	"vodmr/qmail"
)

// errNoQueue says that this site cannot send bounces.
var errNoQueue = errors.New("it should bounce, but there is no qmail here to send a bounce: it stays")

// doubleBounce is the sender of a double bounce, which nobody wants back.
const doubleBounce = "#@[]"

// bounce returns a message to its sender by qmail-queue. The error says why the
// file must stay.
func (q *queue) bounce(it *item, reason string) error {
	sender := it.sender
	if it.double {
		sender = doubleBounce
	}
	to, from, drop := qmail.BounceTo(sender, q.control)
	if drop {
		q.Log.Event("bounce", append(it.fields(), logline.F("reason", "dropped: a double bounce has nobody to go to"))...)
		return nil
	}
	if q.Queue.Program == "" && !q.Qmail.Exists() {
		return errNoQueue
	}
	message, err := q.open(it)
	if err != nil {
		return err
	}
	defer message.Close()
	notice := qmail.Bounce{
		Settings: q.control,
		Sender:   sender,
		Date:     q.Now(),
		Failures: []qmail.Failure{{Recipient: it.rcpt, Reason: reason}},
		Message:  message,
	}
	if err := q.Queue.Inject(from, []string{to}, notice.Reader()); err != nil {
		return fmt.Errorf("its bounce was not queued: %w", err)
	}
	q.Log.Event("bounce", append(it.fields(), logline.F("sentto", "<"+to+">"))...)
	return nil
}

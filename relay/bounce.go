package relay

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"vodmr/internal/address"
	"vodmr/internal/logline"
	"vodmr/qmail"
)

var (
	// errNoQueue says that this site cannot send bounces.
	errNoQueue = errors.New("it should bounce, but there is no qmail here to send a bounce: it stays")
	// errUnproven says that the sender of a message must not be written to: the owner of a
	// mailbox can put files into it, and could send any text from here to anybody.
	errUnproven = errors.New("it should bounce, but no Received stands below Return-Path and Delivered-To, so it may never have come by mail: it stays")
	// errFull says that so many bounces went out that the rest waits.
	errFull = errors.New("what else should bounce waits")
)

// doubleBounce is the sender of a double bounce, which nobody wants back.
const doubleBounce = "#@[]"

const (
	sessionBounces = 100  // most bounces of a session, or of a day of one that stands
	dayBounces     = 1000 // most bounces of a mailbox within a day
	day            = 24 * time.Hour
)

// bounces are those of this session.
type bounces struct {
	count int
	since time.Time // when the first went out; see sessionBounces
	full  bool      // it is logged that no more may go out
	told  bool      // the postmaster knows of a message that is unproven
}

// mayBounce is errFull if no more bounces may go out now. The bounds keep the
// owner of a mailbox, who can write files with a Received too, from sending in bulk.
func (q *queue) mayBounce() error {
	if q.Now().Sub(q.bounces.since) >= day {
		q.bounces = bounces{since: q.Now()}
	}
	switch {
	case q.notes.Bounces() >= dayBounces:
		return fmt.Errorf("%d bounces of this mailbox went out within a day: %w until the day is over", dayBounces, errFull)
	case q.bounces.count >= sessionBounces:
		return fmt.Errorf("%d bounces went out in this session: %w for another", sessionBounces, errFull)
	}
	return nil
}

// bounce returns a message to its sender by qmail-queue. The error says why the
// file must stay.
func (q *queue) bounce(it *item, reason string) error {
	sender := it.sender
	if it.double {
		sender = doubleBounce
	}
	if !it.received {
		q.tellOfUnproven(it, reason)
		return errUnproven
	}
	to, from, drop := qmail.BounceTo(sender, q.control)
	if drop {
		q.Log.Event("bounce", append(it.fields(), logline.F("reason", "dropped: a double bounce has nobody to go to"))...)
		return nil
	}
	notice := qmail.Bounce{Sender: sender}
	if err := q.inject(it, notice, from, to, reason); err != nil {
		return err
	}
	q.Log.Event("bounce", append(it.fields(), logline.F("sentto", shown(to)))...)
	return nil
}

// inject gives a notice about a message to qmail-queue, if it may.
func (q *queue) inject(it *item, notice qmail.Bounce, from, to, reason string) error {
	if q.Queue.Program == "" && !q.Qmail.Exists() {
		return errNoQueue
	}
	if err := q.mayBounce(); err != nil {
		return err
	}
	message, err := q.open(it)
	if err != nil {
		return err
	}
	defer message.Close()
	notice.Settings, notice.Date, notice.ID = q.control, q.Now(), q.noticeID(it)
	notice.Failures = []qmail.Failure{{Recipient: it.rcpt, Reason: reason}}
	notice.Message = message
	ahead := *message // stays where it is when the other is read
	if err := notice.Scan(&ahead); err != nil {
		return err
	}
	if err := q.Queue.Inject(from, []string{to}, notice.Reader()); err != nil {
		return fmt.Errorf("its bounce was not queued: %w", err)
	}
	q.bounces.count++
	q.notes.Bounced()
	return nil
}

// tellOfUnproven tells the postmaster of a message that should bounce and may not: of
// the first in a session that was not noted before. The log tells of all.
func (q *queue) tellOfUnproven(it *item, reason string) {
	to, from, drop := qmail.BounceTo("", q.control)
	note := q.notes.Of(it.base)
	if it.retry {
		note.Tries-- // this session's own
	}
	if drop || q.bounces.told || note.Tries > 0 || note.Reason == errUnproven.Error() {
		return
	}
	notice := qmail.Bounce{Sender: it.sender, Unproven: true}
	q.bounces.told = q.inject(it, notice, from, to, reason) == nil
}

// logUnbounced logs why a file stays that should bounce; that no more may go out, once.
func (q *queue) logUnbounced(it *item, err error) {
	if !errors.Is(err, errFull) {
		q.Log.Event("error", logline.F("file", it.entry.Path()), logline.Err(err))
		return
	}
	if !q.bounces.full {
		q.bounces.full = true
		q.Log.Event("error", logline.F("reason", err.Error()))
	}
}

// noticeID is the same for each notice about one file: if a notice was sent twice since
// the machine crashed before the file was removed, its reader can tell by it.
func (q *queue) noticeID(it *item) string {
	sum := fnv.New64a()
	for _, text := range []string{q.box.Path(), it.base, it.sender, it.rcpt} {
		_, _ = sum.Write([]byte(text + "\x00"))
	}
	return strconv.FormatInt(it.entry.Time, 10) + "." + strconv.FormatUint(sum.Sum64(), 36)
}

// shown is a raw address as the log has addresses: in SMTP's form, if it has one.
func shown(raw string) string {
	if quoted, err := address.Quote(raw); err == nil {
		raw = quoted
	}
	return "<" + raw + ">"
}

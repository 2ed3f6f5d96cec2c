package spool

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"strconv"
	"time"

	"vodmr/internal/address"
	"vodmr/internal/logline"
	"vodmr/qmail"
	"vodmr/relay/spool/history"
)

var (
	// errNoQueue says that this site cannot send bounces.
	errNoQueue = errors.New("it should bounce, but there is no qmail here to send a bounce, and no vodmr-sendmail: it stays")
	// errUnproven says that the sender of a message must not be written to: the owner of a
	// mailbox can put files into it, and could send any text from here to anybody.
	errUnproven = errors.New("it should bounce, but no Received stands below Return-Path and Delivered-To, so it may never have come by mail: it stays")
	// errForSession says that a message that is too old stays: only a session can tell the
	// customer of it.
	errForSession = errors.New("it is too old, but with VODMR_BOUNCE=customer only a session can tell the customer: it stays for the next one")
	// errFull says that so many bounces went out that the rest waits.
	errFull = errors.New("other messages that should bounce wait")
)

// doubleBounce is the sender of a double bounce, which nobody wants back.
const doubleBounce = "#@[]"

const (
	sessionBounces = 100  // most bounces of a session, or of a day of one that stands
	dayBounces     = 1000 // most bounces of a mailbox within a day
	day            = 24 * time.Hour

	// hungTime is how long a qmail-queue takes that does not answer: it was killed after
	// minutes. hungPause is for how long it is not asked again then: a hundred bounces would
	// keep the customer, and the mailbox's lock, for hours.
	hungTime  = time.Minute
	hungPause = 30 * time.Minute
)

// A Bouncer returns messages to their senders by qmail-queue.
type Bouncer struct {
	Control qmail.Settings
	// Inject gives a notice to qmail-queue, as qmail.Queue.Inject does.
	Inject func(sender string, recipients []string, message io.Reader) error
	// Exists reports if there is a qmail-queue to give it to.
	Exists func() bool

	front bool // no qmail is here

	clock   func() time.Time
	log     *logline.Logger
	files   *files
	history *history.History
	sent    sentBounces
	hung    time.Time // when qmail-queue did not answer last; zero for never
}

// NewBouncer makes a Bouncer. home is the queue's.
func NewBouncer(queue qmail.Queue, home qmail.Home, control qmail.Settings) *Bouncer {
	exists := func() bool { return queue.Program != "" || home.Exists() }
	return &Bouncer{Control: control, Inject: queue.Inject, Exists: exists, front: !home.HasQueue()}
}

// sentBounces are the bounces of this session.
type sentBounces struct {
	count          int
	waiting        int       // notices for the customer that have no answer yet
	since          time.Time // when the first went out; see sessionBounces
	full           bool      // it is logged that no more may go out
	postmasterTold bool      // the postmaster knows of a message that is unproven
}

// mayBounce is errFull if no more bounces may go out now. The bounds keep the
// owner of a mailbox from sending in bulk: he can write files with a Received too.
func (b *Bouncer) mayBounce() error {
	if !b.within(day, b.sent.since) {
		b.sent = sentBounces{since: b.clock(), waiting: b.sent.waiting}
	}
	switch {
	case b.within(hungPause, b.hung):
		return fmt.Errorf("qmail-queue does not answer: %w", errFull)
	case b.history.Bounces()+b.sent.waiting >= dayBounces:
		return fmt.Errorf("%d bounces of this mailbox went out within a day: %w until the day is over", dayBounces, errFull)
	case b.sent.count+b.sent.waiting >= sessionBounces:
		return fmt.Errorf("%d bounces went out in this session: %w for another", sessionBounces, errFull)
	}
	return nil
}

// within reports if a time is no longer ago than that, and not in the future, where a clock
// that was wrong has put it.
func (b *Bouncer) within(limit time.Duration, when time.Time) bool {
	age := b.clock().Sub(when)
	return 0 <= age && age < limit
}

// bounce returns a message to its sender by qmail-queue. The error says why the
// file must stay.
func (b *Bouncer) bounce(m *Message, reason string) error {
	sender := m.sender
	if m.double {
		sender = doubleBounce
	}
	if !m.received {
		b.tellOfUnproven(m, reason)
		return errUnproven
	}
	to, from, drop := qmail.BounceTo(sender, b.Control)
	if drop {
		b.logDropped(m)
		return nil
	}
	notice := qmail.Bounce{Sender: sender}
	if err := b.inject(m, notice, from, to, reason); err != nil {
		return err
	}
	b.log.Event("bounce", append(m.fields(), logline.F("sentto", shown(to)))...)
	return nil
}

// logDropped logs that nobody is told of a message.
func (b *Bouncer) logDropped(m *Message) {
	b.log.Event("bounce", append(m.fields(), logline.F("reason", "dropped: a double bounce has nobody to go to"))...)
}

// inject gives a notice about a message to qmail-queue, if it may.
func (b *Bouncer) inject(m *Message, notice qmail.Bounce, from, to, reason string) error {
	if !b.Exists() {
		return errNoQueue
	}
	if err := b.mayBounce(); err != nil {
		return err
	}
	err := b.write(m, notice, b.Control, reason, func(notice io.Reader) error {
		began := b.clock()
		err := b.Inject(from, []string{to}, notice)
		if err != nil && !b.within(hungTime, began) {
			b.hung = b.clock()
		}
		if err != nil {
			return fmt.Errorf("its bounce was not queued: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	b.sent.count++
	b.history.Bounced()
	return nil
}

// write hands the text of a notice about a message to take.
func (b *Bouncer) write(m *Message, notice qmail.Bounce, control qmail.Settings, reason string, take func(io.Reader) error) error {
	message, err := b.files.open(m)
	if err != nil {
		return err
	}
	defer message.Close()
	notice.Settings, notice.Date, notice.ID = control, b.clock(), b.noticeID(m)
	notice.Front = b.front || !b.files.grant.Settings.Agent.IsQmail()
	notice.Failures = []qmail.Failure{{Recipient: m.rcpt, Reason: reason}}
	notice.Message = message
	scanned := *message // does not move when the other is read
	if err := notice.Scan(&scanned); err != nil {
		return err
	}
	return take(notice.Reader())
}

// tellOfUnproven tells the postmaster of a message that should bounce and may not: of
// the first in a session that was not noted before. The log tells of all.
func (b *Bouncer) tellOfUnproven(m *Message, reason string) {
	to, from, drop := qmail.BounceTo("", b.Control)
	note := b.history.Of(m.base)
	if m.retry {
		note.Tries-- // this session's own
	}
	if drop || b.sent.postmasterTold || note.Tries > 0 || note.Reason == errUnproven.Error() {
		return
	}
	notice := qmail.Bounce{Sender: m.sender, Unproven: true}
	b.sent.postmasterTold = b.inject(m, notice, from, to, reason) == nil
}

// logUnbounced logs why a file stays that should bounce; that no more may go out, once.
func (b *Bouncer) logUnbounced(m *Message, err error) {
	if !errors.Is(err, errFull) {
		b.log.Event("error", logline.F("file", m.entry.Path()), logline.Err(err))
		return
	}
	if !b.sent.full {
		b.sent.full = true
		b.log.Event("error", logline.F("reason", err.Error()))
	}
}

// noticeID is the same for each notice about one file: if a notice was sent twice since
// the machine crashed before the file was removed, its reader can tell by m.
func (b *Bouncer) noticeID(m *Message) string {
	sum := fnv.New64a()
	for _, text := range []string{b.files.box.Path(), m.base, m.sender, m.rcpt} {
		_, _ = sum.Write([]byte(text + "\x00"))
	}
	return strconv.FormatInt(m.entry.Time, 10) + "." + strconv.FormatUint(sum.Sum64(), 36)
}

// shown is a raw address as the log has addresses.
func shown(raw string) string { return "<" + address.Shown(raw) + ">" }

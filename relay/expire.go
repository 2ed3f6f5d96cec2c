package relay

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"vodmr/internal/logline"
	"vodmr/maildir"
	"vodmr/relay/grant"
)

// ErrNoNotes says that nothing was ever fetched from a Maildir by ATRN.
var ErrNoNotes = errors.New("it has no vodmr.notes, so no customer ever fetched mail from it, and it may be somebody's inbox: -f bounces what is too old even so")

// failuresMost is how many bounces in a row may fail before the rest is left for another
// time: qmail-queue does not work then.
const failuresMost = 10

// Expire bounces what is older than control/queuelifetime, under the lock that a session
// holds, and by a session's rules: a file is removed once qmail-queue has its bounce, and
// stays where it has not. A message without an envelope stays, and so does one for a user
// of this host. A session that stands is ended for it. A Maildir without notes is
// ErrNoNotes unless it is forced. The error says that something is to be tried again:
// maildir.ErrLocked, or how many messages stay.
func (m *Mailbox) Expire(force bool) error {
	if err := m.mayExpire(force); err != nil {
		return err
	}
	if locked, err := m.lock(); !locked {
		return err
	}
	q, err := m.scan()
	if err != nil {
		return err
	}
	if err := q.notes.Unread(); err != nil {
		return fmt.Errorf("what the customer has already is not known, so nothing is bounced: %w", err)
	}
	if err := q.notes.Mend(); err != nil {
		q.noteTrouble(err)
	}
	if err := q.box.MayRemove(); err != nil {
		return fmt.Errorf("nothing can be removed, so nothing is bounced: %w", err)
	}
	return errors.Join(q.expireAll(), q.notes.Flush())
}

// lock takes the Maildir's lock. A session that stands is asked to end for it, as it
// would hold it for days, but only where there is something to do: else nothing is
// locked, and that is no error.
func (m *Mailbox) lock() (locked bool, err error) {
	s := m.session
	if err = s.lock(); !errors.Is(err, maildir.ErrLocked) {
		return err == nil, err
	}
	if due, err := m.anyExpired(); err != nil || !due {
		return false, err
	}
	err = s.box.Claim(s.pace().claim)
	s.tellAside()
	return err == nil, err
}

// anyExpired says whether Expire would remove anything.
func (m *Mailbox) anyExpired() (bool, error) {
	q, err := m.scan()
	if err != nil {
		return false, err
	}
	defer func() {
		q.close()
		m.session.queue = nil
	}()
	for entry, ok := q.nextOld(); ok; entry, ok = q.nextOld() {
		if _, err := q.loadOld(entry); err == nil {
			return true, nil
		}
	}
	return false, nil
}

// ShowExpired writes an event to out for each message that Expire would bounce. It takes
// no lock and changes nothing.
func (m *Mailbox) ShowExpired(force bool, out *logline.Logger) error {
	if err := m.mayExpire(force); err != nil {
		return err
	}
	q, err := m.scan()
	if err != nil {
		return err
	}
	for entry, ok := q.nextOld(); ok; entry, ok = q.nextOld() {
		it, err := q.loadOld(entry)
		note := q.notes.Of(entry.Base())
		switch {
		case note.Done || errors.Is(err, maildir.ErrGone):
		case err != nil:
			out.Event("skip", logline.F("file", entry.Path()), logline.F("reason", err.Error()))
		default:
			logExpired(out, it, q.whyExpired(it, note))
		}
	}
	return nil
}

// mayExpire refuses a Maildir that nobody fetches from, and reads the settings.
func (m *Mailbox) mayExpire(force bool) (err error) {
	s := m.session
	if err := m.fetched(); err != nil && !force {
		return err
	}
	if s.control, err = s.Qmail.Settings(s.Host); err != nil {
		return err
	}
	s.locals, err = s.Qmail.Locals(s.control.Me)
	return err
}

// fetched is ErrNoNotes where nobody ever fetched mail.
func (m *Mailbox) fetched() error {
	has, err := m.session.box.HasNotes()
	if err == nil && !has {
		err = fmt.Errorf("%s: %w", m.Path(), ErrNoNotes)
	}
	return err
}

// expireAll bounces all that is too old, one after the other.
func (q *queue) expireAll() error {
	stay, inARow := 0, 0
	for entry, ok := q.nextOld(); ok && !q.stuck; entry, ok = q.nextOld() {
		done, err := q.expire(entry)
		if err != nil {
			return err
		}
		if done {
			inARow = 0
			continue
		}
		stay++
		if inARow++; inARow == failuresMost {
			return fmt.Errorf("%d bounces in a row failed: the rest is left for another time", inARow)
		}
	}
	if q.stuck {
		return overByStuck
	}
	if stay > 0 {
		return fmt.Errorf("%d messages stay that should bounce", stay)
	}
	return nil
}

// nextOld gives the next message that is too old. They come in the order of their age,
// so the first that is not ends it.
func (q *queue) nextOld() (maildir.Entry, bool) {
	entry, ok := q.list.Next()
	return entry, ok && q.old(entry)
}

// old says whether a message has waited for longer than control/queuelifetime.
func (q *queue) old(entry maildir.Entry) bool {
	return q.age(entry) > q.control.QueueLifetime
}

func (q *queue) age(entry maildir.Entry) time.Duration {
	return q.Now().Sub(time.Unix(entry.Time, 0))
}

// expire bounces one message and removes it. It says whether there is nothing to try
// again; the error is errFull. Nothing is noted of a bounce that fails: the customer's server was not asked,
// so tries and suspicions stay as they are.
func (q *queue) expire(entry maildir.Entry) (done bool, full error) {
	note := q.notes.Of(entry.Base())
	if note.Done {
		q.removeDone(entry)
		return true, nil
	}
	it, err := q.loadOld(entry)
	if err == errUnproven {
		q.tellOfUnproven(it, q.whyExpired(it, note))
	}
	if err != nil {
		q.skip(entry, err)
		return knownReason(err), nil
	}
	if err := q.mayBounce(); err != nil {
		return false, err
	}
	why := q.whyExpired(it, note)
	logExpired(q.Log, it, why)
	if err := q.bounce(it, why); err != nil {
		q.logUnbounced(it, err)
		return false, nil
	}
	q.removeOrNote(it)
	return true, nil
}

// loadOld reads a message's envelope. What is for a domain that the login does not hold is
// no customer's mail: the Maildir may be somebody's inbox. If nobody knows whose login a
// Maildir is, because it lies in no domain of users/cdb and was named by its path, only
// what is for a user of this host is not. A message that may
// never have come by mail has no sender who may be told.
func (q *queue) loadOld(entry maildir.Entry) (*item, error) {
	it, err := q.load(entry, 0)
	if err != nil {
		return it, err
	}
	held, _, err := q.grant.Wants(it.rcpt)
	if err != nil {
		return it, err
	}
	if !held && (q.grant.Known() || slices.Contains(q.locals, grant.Domain(it.rcpt))) {
		return it, &notOurs{it.rcpt}
	}
	if !it.received {
		return it, errUnproven
	}
	return it, nil
}

func logExpired(log *logline.Logger, it *item, why string) {
	log.Event("expired", append(it.fields(), logline.F("reason", why))...)
}

// whyExpired tells a sender what became of a message: with the last reply where one is
// known.
func (q *queue) whyExpired(it *item, note maildir.Note) string {
	why := "it was too old after " + span(q.age(it.entry)) + ": "
	switch {
	case note.Reply != "":
		return why + "it was deferred, the last time with: " + note.Reply
	case note.Tries > 0:
		return why + "the mail server of this domain deferred it"
	case note.Breaks > 0:
		return why + "the connection to the mail server of this domain broke each time that it was sent"
	case note.Reason != "":
		return why + "it could not be offered to the mail server of this domain"
	}
	return why + "the mail server of this domain did not come to fetch it"
}

// span writes an age in days, or in hours below two days.
func span(age time.Duration) string {
	if age >= 2*day {
		return strconv.Itoa(int(age/day)) + " days"
	}
	return strconv.Itoa(int(age/time.Hour)) + " hours"
}

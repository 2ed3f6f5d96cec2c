package spool

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"vodmr/internal/logline"
	"vodmr/internal/sys"
	"vodmr/maildir"
	"vodmr/maildir/lock"
	"vodmr/qmail"
	"vodmr/relay/grant"
	"vodmr/relay/spool/history"
)

// ErrNoNotes says that nothing was ever fetched from a Maildir by ATRN.
var ErrNoNotes = errors.New("it has no vodmr.notes, so no customer ever fetched mail from it, and it may be somebody's inbox: -f bounces what is too old even so")

// ErrMustStop says that no more may be sent.
var ErrMustStop = errors.New("a message that was delivered or bounced can be neither removed nor noted")

const (
	// failuresMost is how many bounces in a row may fail before the rest is left for
	// another time: qmail-queue does not work then.
	failuresMost = 10
	// restrictWait is how long a standing session has to end.
	restrictWait = 90 * time.Second
)

// Expire bounces what is older than control/queuelifetime, under the lock that a session
// holds, and by a session's rules: a file is removed once qmail-queue has its bounce, and
// stays if it has not. A message without an envelope stays, and so does one for a user
// of this host. A standing session is ended for it. A Maildir without notes is
// ErrNoNotes unless it is forced. The error says that something is to be tried again:
// lock.ErrLocked, or how many messages stay.
func (m *Mailbox) Expire(force bool) error {
	control, err := m.mayExpire(force)
	if err != nil {
		return err
	}
	if locked, err := m.lock(control); !locked {
		return err
	}
	s, err := m.scan(control)
	if err != nil {
		return err
	}
	if err := s.history.Unread(); err != nil {
		return fmt.Errorf("it is not known which mail the customer has already, so nothing is bounced: %w", err)
	}
	if err := s.history.Mend(); err != nil {
		s.noteTrouble(err)
	}
	if err := m.box.MayRemove(); err != nil {
		return fmt.Errorf("nothing can be removed, so nothing is bounced: %w", err)
	}
	return errors.Join((&expiry{s, m.locals}).expireAll(), s.history.Flush())
}

// lock takes the Maildir's lock. A standing session is asked to end for it, as it
// would hold it for days, but only if there is something to do: otherwise nothing is
// locked, and that is no error.
func (m *Mailbox) lock(control qmail.Settings) (locked bool, err error) {
	err = m.box.Lock.Acquire()
	LogQuarantined(m.box, m.config.Log)
	if !errors.Is(err, lock.ErrLocked) {
		return err == nil, err
	}
	if expired, err := m.anyExpired(control); err != nil || !expired {
		return false, err
	}
	err = m.box.Lock.Evict(restrictWait)
	LogQuarantined(m.box, m.config.Log)
	return err == nil, err
}

// anyExpired reports if Expire would remove anything.
func (m *Mailbox) anyExpired(control qmail.Settings) (bool, error) {
	s, err := m.scan(control)
	if err != nil {
		return false, err
	}
	defer m.closeSpool()
	e := &expiry{s, m.locals}
	for entry, ok := e.nextOld(); ok; entry, ok = e.nextOld() {
		if _, err := e.loadOld(entry); err == nil {
			return true, nil
		}
	}
	return false, nil
}

// ShowExpired writes an event to out for each message that Expire would bounce. It takes
// no lock and changes nothing.
func (m *Mailbox) ShowExpired(force bool, out *logline.Logger) error {
	control, err := m.mayExpire(force)
	if err != nil {
		return err
	}
	s, err := m.scan(control)
	if err != nil {
		return err
	}
	e := &expiry{s, m.locals}
	for entry, ok := e.nextOld(); ok; entry, ok = e.nextOld() {
		message, err := e.loadOld(entry)
		note := s.history.Of(entry.Base())
		switch {
		case note.Done || errors.Is(err, maildir.ErrGone):
		case err != nil:
			out.Event("skip", logline.F("file", entry.Path()), logline.F("reason", err.Error()))
		default:
			out.Event("expired", append(message.fields(), logline.F("reason", e.whyExpired(message, note)))...)
		}
	}
	return nil
}

// mayExpire refuses a Maildir that nobody fetches from, and reads the settings.
func (m *Mailbox) mayExpire(force bool) (control qmail.Settings, err error) {
	has, err := history.Exists(m.box.Dir(), m.box.Path())
	if !has && !force {
		return control, cmp.Or(err, sys.Named(m.Path(), ErrNoNotes))
	}
	site := m.config.Site.Qmail
	if control, err = site.Settings(m.config.Host); err != nil {
		return control, err
	}
	m.locals, err = site.Locals(control.Me)
	return control, err
}

// An expiry looks for messages that are too old.
type expiry struct {
	spool  *Spool
	locals []string // domains of this host's own users
}

// expireAll bounces all that is too old, one after the other.
func (e *expiry) expireAll() error {
	stay, inARow := 0, 0
	for entry, ok := e.nextOld(); ok && !e.spool.MustStop; entry, ok = e.nextOld() {
		done, err := e.expire(entry)
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
	if e.spool.MustStop {
		return ErrMustStop
	}
	if stay > 0 {
		return fmt.Errorf("%d of the messages that should bounce stay", stay)
	}
	return nil
}

// nextOld gives the next message that is too old. They come in the order of their age,
// so the first that is not ends it.
func (e *expiry) nextOld() (maildir.Entry, bool) {
	entry, ok := e.spool.reader.list.Next()
	return entry, ok && e.spool.old(entry)
}

// old reports if a message has waited for longer than control/queuelifetime.
func (s *Spool) old(entry maildir.Entry) bool {
	return s.ages.since(entry.Time) > s.bouncer.Control.QueueLifetime
}

// expire bounces one message and removes it. done reports if there is nothing to try
// again; the error is errFull. Nothing is noted of a bounce that fails: the customer's
// server was not asked, so tries and suspicions stay as they are.
func (e *expiry) expire(entry maildir.Entry) (done bool, full error) {
	note := e.spool.history.Of(entry.Base())
	if note.Done {
		e.spool.removeDone(entry)
		return true, nil
	}
	m, err := e.loadOld(entry)
	if err == errUnproven {
		e.spool.bouncer.tellOfUnproven(m, e.whyExpired(m, note))
	}
	if err != nil {
		e.spool.skip(entry, err)
		return knownReason(err), nil
	}
	if err := e.spool.bouncer.mayBounce(); err != nil {
		return false, err
	}
	why := e.whyExpired(m, note)
	e.spool.log.Event("expired", append(m.fields(), logline.F("reason", why))...)
	err = e.spool.bouncer.bounce(m, why)
	if errors.Is(err, maildir.ErrGone) {
		e.spool.skip(entry, err)
		return true, nil
	}
	if err != nil {
		e.spool.bouncer.logUnbounced(m, err)
		return false, nil
	}
	e.spool.removals.removeOrNote(m)
	return true, nil
}

// loadOld reads a message's envelope. Mail for a domain that the login does not hold is
// not a customer's: the Maildir may be somebody's inbox. If the Maildir's login is not
// known, because it lies in no domain of users/cdb and was named by its path, only mail
// for a user of this host is refused. A message that may never have come by mail has no
// sender to be told.
func (e *expiry) loadOld(entry maildir.Entry) (*Message, error) {
	m, err := e.spool.reader.files.load(entry, 0)
	if err != nil {
		return m, err
	}
	held, _, err := e.spool.grant.Wants(m.rcpt)
	if err != nil {
		return m, err
	}
	if !held && (e.spool.grant.Known() || slices.Contains(e.locals, grant.Domain(m.rcpt))) {
		return m, &notOurs{m.rcpt}
	}
	if e.spool.grant.Settings.TellCustomer {
		return m, errForSession
	}
	if !m.received {
		return m, errUnproven
	}
	return m, nil
}

// whyExpired tells a sender the fate of a message: with the last reply, if
// one is known.
func (e *expiry) whyExpired(m *Message, note history.Note) string {
	why := "it was too old after " + span(e.spool.ages.since(m.entry.Time)) + ": "
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

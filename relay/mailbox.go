package relay

import (
	"errors"
	"time"

	"vodmr/maildir"
	"vodmr/relay/grant"
)

// A Mailbox is a customer's Maildir outside of a session, for programs that the
// site's administrator runs.
type Mailbox struct{ session *session }

// OpenMailbox opens the Maildir of a Config, of which Log, Qmail, Login, Home, Maildir
// and Now count, and for Expire also Host, Session and Queue. Nothing is locked or
// written. A Login may be empty where it is not known. The error is maildir's or
// qmail's.
func OpenMailbox(c Config) (*Mailbox, error) {
	s := &session{Config: c}
	m := &Mailbox{s}
	if err := m.open(); err != nil {
		s.close()
		return nil, err
	}
	return m, nil
}

func (m *Mailbox) open() (err error) {
	s := m.session
	site := grant.Site{Qmail: s.Qmail, Rules: s.Rules}
	if s.grant, err = grant.Held(site, s.Login, s.Home, s.Maildir); err != nil {
		return err
	}
	s.box, err = maildir.Open(s.Home, s.Maildir)
	return err
}

// Path is where the Maildir is.
func (m *Mailbox) Path() string { return m.session.box.Path() }

// Close closes the Maildir, and drops its lock.
func (m *Mailbox) Close() { m.session.close() }

// scan lists what waits and reads the notes.
func (m *Mailbox) scan() (*queue, error) {
	s := m.session
	list, err := s.box.Scan(time.Time{})
	if err != nil {
		return nil, err
	}
	s.queue = newQueue(s, list, false)
	s.queue.openNotes()
	return s.queue, nil
}

// A Waiting is one message that waits.
type Waiting struct {
	File      string // below the Maildir
	Time      int64  // when it came, in Unix seconds: by its name, else its file's time
	Size      int64  // bytes of the file; 0 where it cannot be opened
	Sender    string // in SMTP's form, without <>; `#@[]` is a double bounce's
	Recipient string // in SMTP's form, without virtualdomains' prefix
	Note      maildir.Note
	Err       error // why the envelope cannot be read: there is no sender and recipient
}

// Each hands on all that waits, the oldest first, and changes nothing. It needs no
// lock, so what a session removes meanwhile is passed over. yield says whether to go on.
func (m *Mailbox) Each(yield func(Waiting) bool) error {
	q, err := m.scan()
	if err != nil {
		return err
	}
	for entry, ok := q.list.Next(); ok; entry, ok = q.list.Next() {
		w := Waiting{File: entry.Path(), Time: entry.Time, Note: q.notes.Of(entry.Base())}
		it, err := q.load(entry, 0)
		if errors.Is(err, maildir.ErrGone) {
			continue
		}
		w.fill(it, err)
		if !yield(w) {
			return nil
		}
	}
	return nil
}

// fill takes what a file's start tells; it is nil where not even the file opens.
func (w *Waiting) fill(it *item, err error) {
	w.Err = err
	if it == nil {
		return
	}
	w.File, w.Size = it.entry.Path(), it.size
	if err != nil {
		return
	}
	w.Sender, w.Recipient = it.sender, it.to
	if it.double {
		w.Sender = doubleBounce
	}
}

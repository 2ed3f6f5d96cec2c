package spool

import (
	"errors"
	"time"

	"vodmr/internal/logline"
	"vodmr/maildir"
	"vodmr/qmail"
	"vodmr/relay/grant"
	"vodmr/relay/spool/history"
)

// A Config says which Maildir an administrator's program opens, and how.
type Config struct {
	Log     *logline.Logger
	Site    grant.Site
	Login   string // may be empty if it is not known
	Home    string // the mailbox's directory
	Maildir string // relative to Home
	Now     func() time.Time
	Environ func(name string) string // variables, as os.Getenv gives them; nil for none

	// For Expire alone:
	Host    string // our name
	Session string // the session's name in the notes
	Queue   qmail.Queue
}

// A Mailbox is a customer's Maildir outside of a session, for programs that the
// site's administrator runs.
type Mailbox struct {
	config Config
	box    *maildir.Box
	grant  *grant.Grant
	spool  *Spool // of the last scan
	locals []string
}

// OpenMailbox opens a Maildir. Nothing is locked or written. The error is maildir's or
// qmail's.
func OpenMailbox(c Config) (*Mailbox, error) {
	if c.Environ == nil {
		c.Environ = func(string) string { return "" }
	}
	g, err := grant.Held(c.Site, c.Login, c.Home, c.Maildir, c.Environ)
	if err != nil {
		return nil, err
	}
	box, err := maildir.Open(c.Home, c.Maildir)
	if err != nil {
		g.Close()
		return nil, err
	}
	return &Mailbox{config: c, box: box, grant: g}, nil
}

// Path is the Maildir's path.
func (m *Mailbox) Path() string { return m.box.Path() }

// Close closes the Maildir, and drops its lock.
func (m *Mailbox) Close() {
	m.closeSpool()
	m.box.Close()
	m.grant.Close()
}

func (m *Mailbox) closeSpool() {
	if m.spool != nil {
		m.spool.Close()
		m.spool = nil
	}
}

// scan lists what waits and reads the notes.
func (m *Mailbox) scan(control qmail.Settings) (*Spool, error) {
	bouncer := NewBouncer(m.config.Queue, m.config.Site.Qmail, control)
	s := Open(m.box, m.grant, bouncer, m.config.Now, m.config.Log)
	s.Session = m.config.Session
	if err := s.Scan(time.Time{}); err != nil {
		return nil, err
	}
	s.openNotes()
	m.spool = s
	return s, nil
}

// A State is what is known of a mailbox beside its messages.
type State struct {
	Fetched  int64 // when a session last ended cleanly, in Unix seconds; 0 for never
	Standing bool  // a standing session holds the lock
	Refusing bool  // the customer's server refuses what it is offered, and is not believed
	Bounced  int   // bounces in the current day
}

// State tells how the mailbox stands, by its notes and its lock. It is called after Each.
func (m *Mailbox) State() (State, error) {
	h := m.spool.history
	standing, err := m.box.Lock.Standing()
	return State{
		Fetched: h.Ended(), Standing: standing,
		Refusing: h.LastRefused() != 0 && !h.Trusts(), Bounced: h.Bounces(),
	}, err
}

// A Waiting is one message that waits.
type Waiting struct {
	File      string // below the Maildir
	Time      int64  // when it came, in Unix seconds: by its name, else its file's time
	Size      int64  // bytes of the file; 0 if it cannot be opened
	Sender    string // in SMTP's form, without <>; `#@[]` is a double bounce's
	Recipient string // in SMTP's form, without virtualdomains' prefix
	Note      history.Note
	Err       error // why the envelope cannot be read: there is no sender and recipient
}

// Each hands on all that waits, the oldest first, and changes nothing. It needs no
// lock, so what a session removes meanwhile is passed over. yield reports if it is to go
// on.
func (m *Mailbox) Each(yield func(Waiting) bool) error {
	s, err := m.scan(qmail.Settings{})
	if err != nil {
		return err
	}
	for entry, ok := s.reader.list.Next(); ok; entry, ok = s.reader.list.Next() {
		w := Waiting{File: entry.Path(), Time: entry.Time, Note: s.history.Of(entry.Base())}
		message, err := s.reader.files.load(entry, 0)
		if errors.Is(err, maildir.ErrGone) {
			continue
		}
		w.fill(message, err)
		if !yield(w) {
			return nil
		}
	}
	return nil
}

// Read reads the envelope of one message, as a session would. there is false if the message is
// gone.
func (m *Mailbox) Read(entry maildir.Entry) (w Waiting, there bool) {
	files := files{box: m.box, grant: m.grant, readings: newReadings(&latency{timings: StandardTimings()})}
	message, err := files.load(entry, 0)
	w = Waiting{File: entry.Path(), Time: entry.Time}
	w.fill(message, err)
	return w, !errors.Is(err, maildir.ErrGone)
}

// fill takes what a file's start tells; it is nil if not even the file opens.
func (w *Waiting) fill(m *Message, err error) {
	w.Err = err
	if m == nil {
		return
	}
	w.File, w.Size = m.entry.Path(), m.size
	if err != nil {
		return
	}
	w.Sender, w.Recipient = m.sender, m.to
	if m.double {
		w.Sender = doubleBounce
	}
}

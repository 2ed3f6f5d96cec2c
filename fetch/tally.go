package fetch

import (
	"sync"
	"time"

	"vodmr/smtp"
)

// A Tally counts what a session brought; it may be read while the session runs.
type Tally struct {
	mu     sync.Mutex
	counts Counts
	each   func(Message) // set before the first message; nil for nobody
}

// Counts are what a Tally knows at one moment.
type Counts struct {
	Messages int64 // answered 2xx here
	Bytes    int64 // the size of those messages, as they came over the line
	Received int64 // the size of all content that came so far, in bytes
	// Copies is how many recipients those messages were taken for. A provider that has a
	// file for each recipient counts these.
	Copies int64
	Since  time.Time // when the connection turned; the zero time if it did not
	// Lost says that the session could not be followed to its end, so that it may have
	// brought more.
	Lost bool

	refusals
	waiting   count      // what the provider said was waiting at the turn
	leaving   bool       // the session ends from here, as nothing more waits
	hindrance smtp.Reply // by which the receiving side refused the session, rather than a message
}

// refusals are the messages that were answered 4xx or 5xx here, for some of their recipients
// or for all.
type refusals struct {
	Refused int64
	Reason  string // the words of the first refusal
	forNow  bool   // all were 4xx
}

// A Message is one that was taken or refused. Its addresses are the provider's words.
type Message struct {
	Number     int64 // in this session, of those that were taken
	Sender     string
	Recipient  string // the first that was accepted, or the one that was refused
	Recipients int    // that were accepted
	Size       int64  // in bytes
	Refusal    string // the reply; "" if the message was taken
}

// Turned reports if the provider had something to say at all.
func (c Counts) Turned() bool { return !c.Since.IsZero() }

// Now returns what was counted so far.
func (t *Tally) Now() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts
}

// note changes what is known.
func (t *Tally) note(change func(*Counts)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.counts)
}

// tell tells of one message.
func (t *Tally) tell(m Message) {
	if t.each != nil {
		m.Number = t.Now().Messages
		t.each(m)
	}
}

func (t *Tally) expect(waiting count) { t.note(func(c *Counts) { c.waiting = waiting }) }

// turn notes that the connection turns now.
func (t *Tally) turn() { t.note(func(c *Counts) { c.Since = time.Now() }) }

func (t *Tally) content(n int) { t.note(func(c *Counts) { c.Received += int64(n) }) }

func (t *Tally) accepted(size int64, recipients int) {
	t.note(func(c *Counts) {
		c.Messages++
		c.Copies += max(int64(recipients), 1)
		c.Bytes += size
	})
}

func (t *Tally) refuse(r refusals) { t.note(func(c *Counts) { c.refusals = r }) }

func (t *Tally) leave() { t.note(func(c *Counts) { c.leaving = true }) }

func (t *Tally) left() bool { return t.Now().leaving }

func (t *Tally) hinder(r smtp.Reply) { t.note(func(c *Counts) { c.hindrance = r }) }

package fetch

import (
	"sync/atomic"
	"time"
)

// A Tally counts what a session brought; it may be read while the session runs.
type Tally struct {
	messages atomic.Int64
	bytes    atomic.Int64
	received atomic.Int64
	turned   atomic.Pointer[time.Time]
	refusals atomic.Pointer[refusals]
	hinders  atomic.Pointer[heard]
	lost     atomic.Bool
	copies   atomic.Int64
	waiting  atomic.Pointer[count]
	leaving  atomic.Bool

	each func(Message) // set before the first message; nil for nobody
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

// refusals are how many messages were refused, and the words of the first refusal.
type refusals struct {
	count  int64
	text   string
	forNow bool // all were 4xx
}

// Messages is how many messages were answered 2xx here.
func (t *Tally) Messages() int64 { return t.messages.Load() }

// Bytes is the size of those messages, as they came over the line.
func (t *Tally) Bytes() int64 { return t.bytes.Load() }

// Received is the size of all content that came so far, in bytes.
func (t *Tally) Received() int64 { return t.received.Load() }

// Refused is how many messages were answered 4xx or 5xx here, for some of their
// recipients or for all, and with which words the first was.
func (t *Tally) Refused() (count int64, text string) {
	if r := t.refusals.Load(); r != nil {
		return r.count, r.text
	}
	return 0, ""
}

// Lost says that the session could not be followed to its end, so that it may have
// brought more.
func (t *Tally) Lost() bool { return t.lost.Load() }

// Turned reports if the provider had something to say at all.
func (t *Tally) Turned() bool { return t.turned.Load() != nil }

// Since is when the connection turned; the zero time if it did not.
func (t *Tally) Since() time.Time {
	if at := t.turned.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// expect notes what the provider says is waiting.
func (t *Tally) expect(c count) { t.waiting.Store(&c) }

// expected is what the provider said was waiting at the turn.
func (t *Tally) expected() count {
	if c := t.waiting.Load(); c != nil {
		return *c
	}
	return count{}
}

// Copies is how many recipients those messages were taken for. A provider that has a file
// for each recipient counts these.
func (t *Tally) Copies() int64 { return t.copies.Load() }

// leave notes that the session ends from here, as nothing more waits.
func (t *Tally) leave() { t.leaving.Store(true) }

func (t *Tally) left() bool { return t.leaving.Load() }

// tell tells of one message.
func (t *Tally) tell(m Message) {
	if t.each != nil {
		m.Number = t.Messages()
		t.each(m)
	}
}

// turn notes that the connection turns now.
func (t *Tally) turn() {
	now := time.Now()
	t.turned.Store(&now)
}

func (t *Tally) content(n int) { t.received.Add(int64(n)) }

func (t *Tally) accepted(size int64, recipients int) {
	t.messages.Add(1)
	t.copies.Add(max(int64(recipients), 1))
	t.bytes.Add(size)
}

func (t *Tally) refuse(r refusals) { t.refusals.Store(&r) }

// refusedForNow reports if there were refusals, and all of them 4xx.
func (t *Tally) refusedForNow() bool {
	r := t.refusals.Load()
	return r != nil && r.forNow
}

func (t *Tally) loseCount() { t.lost.Store(true) }

// hinder notes a reply by which the receiving side refused the session, rather than a
// message.
func (t *Tally) hinder(r heard) { t.hinders.Store(&r) }

func (t *Tally) unhinder() { t.hinders.Store(nil) }

// hindrance returns the reply that hinder noted, nil for none.
func (t *Tally) hindrance() *heard { return t.hinders.Load() }

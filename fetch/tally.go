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
}

// Messages is how many messages were answered 2xx here.
func (t *Tally) Messages() int64 { return t.messages.Load() }

// Bytes is the size of those messages, as they came over the line.
func (t *Tally) Bytes() int64 { return t.bytes.Load() }

// Received is the size of all content that came so far, in bytes.
func (t *Tally) Received() int64 { return t.received.Load() }

// Turned says whether the provider had something to say at all.
func (t *Tally) Turned() bool { return t.turned.Load() != nil }

// Since is when the connection turned; the zero time where it did not.
func (t *Tally) Since() time.Time {
	if at := t.turned.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// turn notes that the connection turns now.
func (t *Tally) turn() {
	now := time.Now()
	t.turned.Store(&now)
}

func (t *Tally) content(n int) { t.received.Add(int64(n)) }

func (t *Tally) accepted(size int64) {
	t.messages.Add(1)
	t.bytes.Add(size)
}

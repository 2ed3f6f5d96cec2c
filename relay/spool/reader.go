package spool

import (
	"slices"

	"vodmr/maildir"
	"vodmr/relay/grant"
	"vodmr/relay/spool/history"
	"vodmr/smtp"
)

// A reader finds the next batch. It only reads: it cannot change the Maildir or the
// history, or write to the log.
type reader struct {
	files   files
	grant   *grant.Grant
	history interface { // nil until it is read
		Of(base string) history.Note
		Trusts() bool
		LastRefused() int64
	}
	retries *retryTimes
	trust   *Trust

	server     smtp.Extensions // what the customer's server offers
	rcptMax    int             // most recipients of a batch
	hungUp     bool            // the customer did, as a file was read
	sendBuffer []byte          // the body that the Sender uses

	list          *maildir.List
	coming        []maildir.Entry // taken off the list, and being read
	tried         []tried         // deferred by an earlier session
	lookahead     []*Message      // read ahead, in order
	held          int64           // bytes of their bodies
	repeats       []*Batch        // to be sent again in this session
	given         int             // batches that Next gave out and that have not ended
	notices       []*notice       // to be sent to the customer's postmaster
	compose       func(*notice) ([]byte, error)
	suspects      []suspect
	suspectBreaks int       // breaks of the suspect that goes at its place; 0 for none
	found         []finding // for Settle

	triedSorted    bool // tried is in the order of tries
	suspectsSorted bool // suspects is in that of breaks
}

const (
	lookaheadMax = 200     // messages that are read ahead, in search of equal copies
	heldMax      = 2 << 20 // bytes of their bodies that are kept in memory
	rcptMaxMost  = 100     // recipients of one batch
	foundMax     = 1000    // findings that wait for Settle
)

// A tried message was kept by an earlier session. It goes behind what is new: if a server
// hangs up after some refusals, each session would otherwise offer the same few, and the
// messages behind them would never go out.
type tried struct {
	entry maildir.Entry
	tries int
}

// A suspect is a message that was the first without an answer in two sessions
// in a row that broke; breaks is in how many.
type suspect struct {
	entry  maildir.Entry
	breaks int
}

// A finding is a file that Next passed over.
type finding struct {
	kind   foundKind
	entry  maildir.Entry
	err    error   // why it cannot go out
	notice *notice // of foundLost
}

type foundKind int

const (
	foundUnfit   foundKind = iota // it cannot go out
	foundDone                     // an earlier session delivered it, but could not remove it
	foundUnheard                  // the customer hung up while it was read
	foundLost                     // no notice about it can be written
)

func newReader(box *maildir.Box, g *grant.Grant, retries *retryTimes, trust *Trust, slow *latency) *reader {
	return &reader{
		files: files{box: box, grant: g, readings: newReadings(slow), hungUp: func() bool { return false }},
		grant: g, retries: retries, trust: trust, rcptMax: rcptMaxMost,
	}
}

// full reports if Settle must be called before the reader goes on.
func (r *reader) full() bool { return len(r.found) >= foundMax }

// any reports if there is something to send.
func (r *reader) any() bool { return len(r.lookahead) > 0 || len(r.suspects) > 0 || len(r.repeats) > 0 }

// rcptLimit is the most recipients of a batch, by the extensions.
func (r *reader) rcptLimit() int {
	if most := r.server.RcptMax; most > 0 {
		return min(rcptMaxMost, most)
	}
	return rcptMaxMost
}

// next is Spool.Next.
func (r *reader) next() *Batch {
	r.files.buffers.put(r.sendBuffer)
	r.sendBuffer = nil
	for !r.hungUp {
		b := r.take()
		if b == nil {
			return nil
		}
		if r.prepare(b) {
			b.given = true
			r.given++
			return b
		}
	}
	return nil
}

// take returns the messages of the next batch, nil if none is left.
func (r *reader) take() *Batch {
	if len(r.repeats) > 0 {
		return r.takeRepeat()
	}
	if b := r.takeNotice(); b != nil {
		return b
	}
	r.lookAhead()
	if len(r.lookahead) > 0 {
		return &Batch{Messages: r.takeCopies()}
	}
	if r.full() {
		return nil
	}
	return r.takeLast()
}

// takeLast takes what goes when nothing more waits: suspects, then, one by one, messages
// for unknown recipients of a server that never took mail. A reply that is outstanding can
// put something before them, so there is nothing as long as a batch has not ended.
func (r *reader) takeLast() *Batch {
	if r.given > 0 {
		return nil
	}
	if b := r.takeSuspect(); b != nil {
		return b
	}
	for len(r.lookahead) == 0 && r.trust.fewUnknown() && r.readDoubted() {
	}
	if len(r.lookahead) > 0 {
		return &Batch{Messages: r.takeCopies()}
	}
	return nil
}

// takeRepeat returns a batch that is repeated, at most rcptMax messages of it.
func (r *reader) takeRepeat() *Batch {
	b := r.repeats[0]
	if len(b.Messages) <= r.rcptMax {
		r.repeats = r.repeats[1:]
		return b
	}
	first := &Batch{Messages: b.Messages[:r.rcptMax], Plain: b.Plain}
	b.Messages = b.Messages[r.rcptMax:]
	return first
}

// lookAhead reads on until enough is read ahead. Once there is something to
// send it looks at a bounded number of files: among a million that are for
// others the connection would be silent for too long.
func (r *reader) lookAhead() {
	for looked := 0; len(r.lookahead) < lookaheadMax && (len(r.lookahead) == 0 || looked < lookaheadMax) && !r.full(); looked++ {
		if !r.more() {
			return
		}
	}
}

// more reads the next file ahead. It is false if no file is left.
func (r *reader) more() bool {
	r.readOn()
	entry, ok := r.nextEntry()
	if !ok {
		return r.moreTried()
	}
	note, refused := r.history.Of(entry.Base()), int64(0)
	if !r.history.Trusts() {
		refused = r.history.LastRefused()
	}
	switch {
	case note.Done:
		r.found = append(r.found, finding{kind: foundDone, entry: entry})
	case note.Breaks >= history.DemoteAfter && note.Breaks == r.suspectBreaks:
		r.takeEarly(entry)
	case r.retries.tooRecent(entry.Base(), note, refused):
		r.files.readings.forget(entry)
	case note.Breaks >= history.DemoteAfter:
		r.suspects = append(r.suspects, suspect{entry, note.Breaks})
	case note.Tries > 0:
		r.tried = append(r.tried, tried{entry, note.Tries})
	default:
		r.readAhead(entry)
	}
	return true
}

// takeEarly has a suspect go out at its place in the order, alone and in lock step. It is
// one for a session.
func (r *reader) takeEarly(entry maildir.Entry) {
	r.suspectBreaks = 0
	if m := r.read(entry, wholeMax); m != nil {
		r.repeats = append(r.repeats, &Batch{Messages: []*Message{m}, Plain: true})
	}
}

// moreTried reads the next file that an earlier session kept, those with the
// fewest tries first; behind them what this session is to try again.
func (r *reader) moreTried() bool {
	if !r.triedSorted {
		slices.SortStableFunc(r.tried, func(a, b tried) int { return a.tries - b.tries })
		r.triedSorted = true
	}
	if len(r.tried) == 0 {
		return r.history.Trusts() && r.readDoubted()
	}
	r.readAhead(r.tried[0].entry)
	r.tried = r.tried[1:]
	return true
}

// readDoubted reads a message ahead again whose refusal was not believed. It is false if
// none is left.
func (r *reader) readDoubted() bool {
	if len(r.trust.doubted) == 0 {
		return false
	}
	entry := r.trust.doubted[0]
	r.trust.doubted = r.trust.doubted[1:]
	if m := r.readAhead(entry); m != nil {
		m.retry = true
	}
	return true
}

// readAhead reads one file, and its body if there is room. It is nil if the file
// cannot go out.
func (r *reader) readAhead(entry maildir.Entry) *Message {
	m := r.read(entry, min(wholeMax, heldMax-r.held))
	if m != nil {
		r.lookahead = append(r.lookahead, m)
		r.held += int64(len(m.raw))
	}
	return m
}

// takeSuspect takes the suspect with the fewest breaks.
func (r *reader) takeSuspect() *Batch {
	if !r.suspectsSorted {
		slices.SortStableFunc(r.suspects, func(a, b suspect) int { return a.breaks - b.breaks })
		r.suspectsSorted = true
	}
	for len(r.suspects) > 0 {
		entry := r.suspects[0].entry
		r.suspects = r.suspects[1:]
		if m := r.read(entry, wholeMax); m != nil {
			return &Batch{Messages: []*Message{m}, Plain: true}
		}
	}
	return nil
}

// read loads an entry. A message that cannot go out, or was not asked for, is nil.
func (r *reader) read(entry maildir.Entry, hold int64) *Message {
	m, err := r.files.load(entry, hold)
	held, asked := false, false
	if err == nil {
		held, asked, err = r.grant.Wants(m.rcpt)
	}
	switch {
	case err != nil:
		r.unfit(entry, err)
	case !held:
		r.unfit(entry, &notOurs{m.rcpt})
	case asked:
		return m
	default:
		r.retries.postpone(entry.Base(), notThisSession)
	}
	if m != nil {
		r.files.release(m)
	}
	return nil
}

// unfit keeps for Settle why a file cannot go out.
func (r *reader) unfit(entry maildir.Entry, err error) {
	r.found = append(r.found, finding{entry: entry, err: err})
}

// release gives a message's memory back.
func (f *files) release(m *Message) {
	f.buffers.put(m.raw)
	m.raw, m.body = nil, nil
}

// rest gives memory back, before the session waits.
func (r *reader) rest() {
	r.list.Close()
	r.files.buffers, r.files.pieceBuffer, r.sendBuffer = buffers{}, nil, nil
	r.coming, r.lookahead, r.tried, r.suspects, r.repeats = nil, nil, nil, nil, nil
}

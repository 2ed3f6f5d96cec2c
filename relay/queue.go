package relay

import (
	"errors"
	"slices"
	"time"

	"vodmr/logline"
	"vodmr/maildir"
	"vodmr/smtp"
)

// A queue says what to send next: the oldest message first, with its equal
// copies for other recipients; what has to be repeated before what is new; what
// broke two sessions in a row last of all, alone and in lock step.
type queue struct {
	*session
	notes      *maildir.Notes
	list       *maildir.List
	unfinished bool // the scan met its deadline

	ahead    []*item // read ahead, in order
	held     int64   // bytes of their bodies
	again    []*group
	suspects []suspect
	flying   map[*smtp.Transaction]*group

	buffers    buffers
	headBuffer []byte
	lent       []byte // the body that the Sender uses

	sender    *smtp.Sender
	rcptMax   int
	unnoted   bool // the notes could not be written
	lookedFor bool // the suspects were sorted
}

// A group is the files that one transaction carries.
type group struct {
	items  []*item
	plain  bool
	stream *content
}

// A suspect is a message that broke two sessions in a row (DESIGN: first
// unanswered). breaks is how many.
type suspect struct {
	entry  maildir.Entry
	breaks int
}

const (
	aheadMax    = 200     // messages looked ahead for equal copies
	heldMax     = 2 << 20 // bytes of their bodies that are kept in memory
	rcptMaxMost = 100     // recipients of one transaction
	suspectFrom = 2       // breaks in a row
)

func newQueue(s *session, list *maildir.List, unfinished bool) *queue {
	return &queue{
		session: s, list: list, unfinished: unfinished,
		flying:  make(map[*smtp.Transaction]*group),
		rcptMax: rcptMaxMost,
	}
}

// mayWait says whether mail waits, or may wait since looking took too long.
func (q *queue) mayWait(deadline time.Time) bool {
	if q.unfinished {
		return true
	}
	if q.list.Len() == 0 {
		return false
	}
	q.begin()
	for len(q.ahead) == 0 && q.more() {
		if time.Now().After(deadline) {
			return true
		}
	}
	return len(q.ahead) > 0 || len(q.suspects) > 0
}

// tooSoon says whether the customer comes back before VODMR_INTERVAL is over.
func (q *queue) tooSoon() bool {
	if q.settings.Interval == 0 {
		return false
	}
	ended := time.Unix(q.openNotes().Ended(), 0)
	return q.Now().Sub(ended) < q.settings.Interval
}

// openNotes reads the notes, once.
func (q *queue) openNotes() *maildir.Notes {
	if q.notes != nil {
		return q.notes
	}
	notes, err := q.box.OpenNotes(q.Now)
	q.notes = notes
	switch {
	case err != nil:
		q.Log.Event("error", logline.Err(err))
	case notes.Damaged > 0:
		q.Log.Event("error", logline.F("file", "vodmr.notes"), logline.N("damaged", int64(notes.Damaged)))
	}
	return notes
}

// begin starts the session in the notes, once all names are known.
func (q *queue) begin() {
	q.count.waiting = q.list.Len()
	notes := q.openNotes()
	if _, err := notes.Begin(q.Session, q.list.Bases); err != nil {
		q.noteTrouble(err)
	}
}

// start is called when the roles have turned and the server's extensions are
// known.
func (q *queue) start(sender *smtp.Sender) error {
	q.sender = sender
	if q.unfinished {
		if err := q.list.Resume(time.Time{}); err != nil {
			return err
		}
		q.unfinished = false
		q.begin()
	}
	if max := sender.Extensions.RcptMax; max > 0 {
		q.rcptMax = min(q.rcptMax, max)
	}
	if q.unnoted {
		sender.Limit(1)
	}
	return nil
}

// noteTrouble falls back to one message in flight: without notes the next
// session could not tell which message broke this one.
func (q *queue) noteTrouble(err error) {
	if !q.unnoted {
		q.Log.Event("error", logline.Err(err))
	}
	q.unnoted = true
	if q.sender != nil {
		q.sender.Limit(1)
	}
}

// Next is smtp.Source's.
func (q *queue) Next() *smtp.Transaction {
	q.buffers.put(q.lent)
	q.lent = nil
	for !q.mailMaxReached() {
		g := q.take()
		if g == nil {
			return nil
		}
		if tx := q.transaction(g); tx != nil {
			q.flying[tx] = g
			for _, it := range g.items {
				q.notes.Sent(it.base)
			}
			return tx
		}
	}
	return nil
}

// mailMaxReached keeps RFC 9422's MAILMAX; the rest waits for another session.
func (q *queue) mailMaxReached() bool {
	max := q.sender.Extensions.MailMax
	return max > 0 && q.sender.Begun() >= max
}

// Sending is smtp.Source's: the notes are written before the mail goes.
func (q *queue) Sending() {
	if err := q.notes.Flush(); err != nil {
		q.noteTrouble(err)
	}
}

// take returns the files of the next transaction, nil where none is left.
func (q *queue) take() *group {
	if len(q.again) > 0 {
		return q.takeAgain()
	}
	for len(q.ahead) < aheadMax && q.more() {
	}
	if len(q.ahead) > 0 {
		return &group{items: q.takeCopies()}
	}
	return q.takeSuspect()
}

// takeAgain returns a group that is repeated, at most rcptMax of it.
func (q *queue) takeAgain() *group {
	g := q.again[0]
	if len(g.items) <= q.rcptMax {
		q.again = q.again[1:]
		return g
	}
	first := &group{items: g.items[:q.rcptMax], plain: g.plain}
	g.items = g.items[q.rcptMax:]
	return first
}

// takeCopies takes the oldest item and its equal copies off the look-ahead.
func (q *queue) takeCopies() []*item {
	lead := q.ahead[0]
	copies := []*item{lead}
	left := q.ahead[:0]
	for _, it := range q.ahead[1:] {
		if len(copies) < q.rcptMax && q.mayJoin(copies, it) {
			copies = append(copies, it)
		} else {
			left = append(left, it)
		}
	}
	q.ahead = left
	for _, it := range copies {
		q.held -= int64(len(it.raw))
	}
	for _, it := range copies[1:] {
		q.release(it)
	}
	return copies
}

// mayJoin says whether it is a copy of the same message for another recipient.
func (q *queue) mayJoin(copies []*item, it *item) bool {
	lead := copies[0]
	if it.sender != lead.sender || it.double != lead.double || it.utf8() != lead.utf8() {
		return false
	}
	for _, other := range copies {
		if other.to == it.to {
			return false
		}
	}
	return q.domainsAllow(copies, it) && q.sameContent(lead, it)
}

// domainsAllow keeps RFC 9422's RCPTDOMAINMAX.
func (q *queue) domainsAllow(copies []*item, it *item) bool {
	max := q.sender.Extensions.RcptDomainMax
	if max == 0 {
		return true
	}
	domains := map[string]bool{domainOf(it): true}
	for _, other := range copies {
		domains[domainOf(other)] = true
	}
	return len(domains) <= max
}

// more reads the next file ahead. It says false where no file is left.
func (q *queue) more() bool {
	entry, ok := q.list.Next()
	if !ok {
		return false
	}
	note := q.notes.Of(entry.Base())
	switch {
	case note.Done:
		q.removeDone(entry)
		return true
	case note.Breaks >= suspectFrom:
		q.suspects = append(q.suspects, suspect{entry, note.Breaks})
		return true
	}
	if it := q.read(entry, min(wholeMax, heldMax-q.held)); it != nil {
		q.ahead = append(q.ahead, it)
		q.held += int64(len(it.raw))
	}
	return true
}

// read loads an entry. What cannot go out, or is for somebody else, is nil, and
// logged where that is news.
func (q *queue) read(entry maildir.Entry, hold int64) *item {
	it, err := q.load(entry, hold)
	if err != nil {
		if it != nil {
			q.release(it)
		}
		q.skip(entry, err)
		return nil
	}
	held, asked := q.entitled.wants(domainOf(it))
	switch {
	case q.entitled.failed != nil:
		q.skip(entry, q.entitled.failed)
	case !held:
		q.skip(entry, &notOurs{it.rcpt})
	case asked:
		return it
	}
	q.release(it)
	return nil
}

// release gives an item's memory back.
func (q *queue) release(it *item) {
	q.buffers.put(it.raw)
	it.raw, it.body = nil, nil
}

// notOurs says that a message is for no domain of this login.
type notOurs struct{ rcpt string }

func (e *notOurs) Error() string { return "for no domain of this login: " + e.rcpt }

// skip logs why a file stays, unless that is what was logged last time.
func (q *queue) skip(entry maildir.Entry, err error) {
	if errors.Is(err, maildir.ErrGone) {
		q.count.waiting--
		q.Log.Event("skip", logline.F("file", entry.Path()), logline.F("reason", "gone"))
		return
	}
	if q.notes.Stays(entry.Base(), err.Error()) {
		q.Log.Event("skip", logline.F("file", entry.Path()), logline.F("reason", err.Error()))
	}
}

// takeSuspect takes the suspect with the fewest breaks.
func (q *queue) takeSuspect() *group {
	if !q.lookedFor {
		slices.SortStableFunc(q.suspects, func(a, b suspect) int { return a.breaks - b.breaks })
		q.lookedFor = true
	}
	for len(q.suspects) > 0 {
		entry := q.suspects[0].entry
		q.suspects = q.suspects[1:]
		if it := q.read(entry, wholeMax); it != nil {
			return &group{items: []*item{it}, plain: true}
		}
	}
	return nil
}

func (q *queue) close() {
	q.list.Close()
	for _, g := range q.flying {
		g.closeStream()
	}
	if q.notes != nil {
		_ = q.notes.Flush()
		q.notes.Close()
	}
}

func (g *group) closeStream() {
	if g.stream != nil {
		g.stream.Close()
		g.stream = nil
	}
}

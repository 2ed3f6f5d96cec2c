package relay

import (
	"errors"
	"slices"
	"time"

	"vodmr/logline"
	"vodmr/maildir"
	"vodmr/qmail"
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

	tried    []tried // deferred by an earlier session; in order once sorted
	inOrder  bool
	ahead    []*item // read ahead, in order
	held     int64   // bytes of their bodies
	compared int64   // bytes of files compared for the next transaction
	again    []*group
	suspects []suspect
	flying   map[*smtp.Transaction]*group

	buffers    buffers
	headBuffer []byte
	lent       []byte // the body that the Sender uses

	sender     *smtp.Sender
	rcptMax    int
	unnoted    bool // the notes could not be written
	unreadable bool // a file could not be read
	lookedFor  bool // the suspects were sorted
}

// A group is the files that one transaction carries.
type group struct {
	items  []*item
	plain  bool
	stream *content
}

// A tried message was kept by an earlier session. It goes behind what is new:
// where a server hangs up after some refusals, each session would else offer
// the same few, and what waits behind them never went out.
type tried struct {
	entry maildir.Entry
	tries int
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

// Begun is smtp.Source's.
func (q *queue) Begun(tx *smtp.Transaction) {
	q.notes.Sent(bases(q.flying[tx].items)...)
}

func bases(items []*item) []string {
	names := make([]string, len(items))
	for i, it := range items {
		names[i] = it.base
	}
	return names
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
	q.lookAhead()
	if len(q.ahead) > 0 {
		return &group{items: q.takeCopies()}
	}
	return q.takeSuspect()
}

// lookAhead reads on until enough is read ahead. Once there is something to
// send it looks at a bounded number of files: among a million that are for
// others the line would be silent for too long.
func (q *queue) lookAhead() {
	for looked := 0; len(q.ahead) < aheadMax && (len(q.ahead) == 0 || looked < aheadMax); looked++ {
		if !q.more() {
			return
		}
	}
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
	q.compared = 0
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
		return q.moreTried()
	}
	note := q.notes.Of(entry.Base())
	switch {
	case note.Done:
		q.removeDone(entry)
	case note.Breaks >= suspectFrom:
		q.suspects = append(q.suspects, suspect{entry, note.Breaks})
	case note.Tries > 0:
		q.tried = append(q.tried, tried{entry, note.Tries})
	default:
		q.readAhead(entry)
	}
	return true
}

// moreTried reads the next file that an earlier session kept, those with the
// fewest tries first.
func (q *queue) moreTried() bool {
	if !q.inOrder {
		slices.SortStableFunc(q.tried, func(a, b tried) int { return a.tries - b.tries })
		q.inOrder = true
	}
	if len(q.tried) == 0 {
		return false
	}
	q.readAhead(q.tried[0].entry)
	q.tried = q.tried[1:]
	return true
}

// readAhead reads one file, and its body where there is room.
func (q *queue) readAhead(entry maildir.Entry) {
	if it := q.read(entry, min(wholeMax, heldMax-q.held)); it != nil {
		q.ahead = append(q.ahead, it)
		q.held += int64(len(it.raw))
	}
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
	q.unreadable = q.unreadable || !knownReason(err)
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

// knownReason says whether a file stays for what it is, not for trouble here.
func knownReason(err error) bool {
	var other *notOurs
	return errors.As(err, &other) || errors.Is(err, maildir.ErrGone) || errors.Is(err, maildir.ErrNoEnvelope) ||
		errors.Is(err, maildir.ErrNotRegular) || errors.Is(err, maildir.ErrOwner) || errors.Is(err, qmail.ErrAddress)
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

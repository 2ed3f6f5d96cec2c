package relay

import (
	"time"

	"vodmr/internal/logline"
	"vodmr/maildir"
	"vodmr/relay/spool/history"
	"vodmr/smtp"
)

// A queue says what to send next: what has to be repeated; then the oldest
// message, with its equal copies for other recipients; then what earlier
// sessions kept; and last, alone and in lock step, what broke two sessions in a
// row, unless ten sessions broke before it had its turn: then it goes at its place.
type queue struct {
	*session
	notes      *history.History
	list       *maildir.List
	unfinished bool // the scan met its deadline

	tried    []tried // deferred by an earlier session
	ahead    []*item // read ahead, in order
	held     int64   // bytes of their bodies
	compared int64   // bytes of files compared for the next transaction
	again    []*group
	suspects []suspect
	due      int // breaks of the suspect that goes at its place; 0 for none
	flying   map[*smtp.Transaction]*group

	buffers     buffers
	pieceBuffer []byte
	lent        []byte // the body that the Sender uses

	sender  *smtp.Sender
	server  string // what the notes say of the customer's server; see server.go
	rcptMax int

	// Where the session stands:
	shelf     shelf
	looked    bool      // look was called
	changed   int64     // see maildir.Box.Changed; at the last look
	unsettled bool      // another change may have had the same time
	notBefore time.Time // the next look

	triedSorted    bool // tried is in the order of tries
	suspectsSorted bool // suspects is in that of breaks

	bounces  bounces
	refusals refusals

	refusedSome bool // the server refused something in this session

	unnoted    bool // the notes could not be written
	unreadable bool // a file could not be read
	stuck      bool // no more may be sent: see overByStuck
	hungUp     bool // the customer did, as a file was read
}

// A group is the files that one transaction carries.
type group struct {
	items  []*item
	plain  bool
	stream *content
}

const (
	aheadMax    = 200     // messages looked ahead for equal copies
	heldMax     = 2 << 20 // bytes of their bodies that are kept in memory
	rcptMaxMost = 100     // recipients of one transaction
)

func newQueue(s *session, list *maildir.List, unfinished bool) *queue {
	return &queue{
		session: s, list: list, unfinished: unfinished,
		flying:  make(map[*smtp.Transaction]*group),
		rcptMax: rcptMaxMost,
	}
}

// mayWait says whether mail waits, or may wait since looking took too long.
func (q *queue) mayWait(deadline time.Time) (bool, error) {
	if q.unfinished {
		return true, nil
	}
	if q.list.Len() == 0 && !q.stands() {
		return false, nil
	}
	if err := q.begin(); err != nil {
		return false, err
	}
	for len(q.ahead) == 0 && q.more() {
		if time.Now().After(deadline) {
			return true, nil
		}
	}
	return len(q.ahead) > 0 || len(q.suspects) > 0 || len(q.again) > 0, nil
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
		if err := q.begin(); err != nil {
			q.Log.Event("error", logline.Err(err))
			return overByStuck
		}
	}
	q.rcptMax = q.rcptLimit()
	q.restrain()
	q.recallServer()
	if q.unnoted {
		sender.Limit(1)
	}
	return nil
}

// rcptLimit is how many recipients a transaction may have for all that the server
// has said beforehand.
func (q *queue) rcptLimit() int {
	if max := q.sender.Extensions.RcptMax; max > 0 {
		return min(rcptMaxMost, max)
	}
	return rcptMaxMost
}

// Next is smtp.Source's.
func (q *queue) Next() *smtp.Transaction {
	q.buffers.put(q.lent)
	q.lent = nil
	for !q.mailMaxReached() && !q.told() && !q.stuck && !q.hungUp && q.mayOffer() {
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

// told says whether this process was told to end.
func (q *queue) told() bool { return q.line != nil && q.line.told }

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
	q.noteServer()
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

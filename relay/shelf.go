package relay

import (
	"hash/fnv"
	"math"
	"time"

	"vodmr/maildir"
	"vodmr/smtp"
)

// A shelf knows what a session that stands has looked at and left in the Maildir,
// so that its next look passes over that until it is due: the hash of each base
// name, and when, counted from the session's start. A name that a hash hides
// would only wait for as long.
type shelf map[uint64]time.Duration

// forGood is not again in this session.
const forGood = time.Duration(math.MaxInt64)

func hash(base []byte) uint64 {
	sum := fnv.New64a()
	_, _ = sum.Write(base)
	return sum.Sum64()
}

// shelve passes over a message until the wait is over.
func (q *queue) shelve(base string, wait time.Duration) {
	if !q.stands() {
		return
	}
	if q.shelf == nil {
		q.shelf = shelf{}
	}
	due := forGood
	if wait < forGood {
		due = time.Since(q.session.start) + wait
	}
	q.shelf[hash([]byte(base))] = due
}

// retryWait is how long a message that was kept waits for its next try. The more
// often it was tried, in this session and before, the longer.
func (q *queue) retryWait(base string) time.Duration {
	return doubled(q.pace().firstRetry, q.notes.Of(base).Tries-1, q.pace().lastRetry)
}

// doubled is the wait, doubled so often, up to a limit.
func doubled(wait time.Duration, times int, most time.Duration) time.Duration {
	for range times {
		if wait *= 2; wait >= most {
			return most
		}
	}
	return wait
}

// rereadWait is how long a file waits that cannot be offered: what is wrong with
// the file itself is seldom put right, trouble here passes.
func (q *queue) rereadWait(err error) time.Duration {
	if knownReason(err) {
		return q.pace().reread
	}
	return q.pace().firstRetry
}

// tooFresh shelves what the session before, which may have ended just now, kept
// just now: a customer that comes back at once would else be offered the same
// without end. So is all mail if a server that is not trusted refused some just now.
// What was set aside waits for longer each time: it goes last, and where
// nothing else waits that would be at once, so that no session ever stood.
func (q *queue) tooFresh(base string, note maildir.Note) bool {
	if !q.stands() || q.looked {
		return false
	}
	wait, last := q.pace().firstRetry, note.Last
	if !q.notes.Trusts() {
		last = max(last, q.notes.LastRefused())
	}
	if note.Breaks >= maildir.SetAside {
		wait, last = doubled(wait, note.Breaks-maildir.SetAside, q.pace().lastBroken), note.Broke
	}
	since := q.Now().Sub(time.Unix(last, 0))
	wait -= since
	if since < 0 || wait <= 0 {
		return false
	}
	q.shelve(base, wait)
	return true
}

// look lists what is new in the Maildir, and what is due again. It is called when
// nothing is under way. It forgets what is gone.
func (q *queue) look() error {
	q.line.mail = false
	began := time.Now()
	now, seen, later := time.Since(q.session.start), shelf{}, 0
	changed, err := q.box.Changed()
	if err != nil {
		return err
	}
	list, err := q.box.Rescan(func(base []byte) bool {
		sum := hash(base)
		due, known := q.shelf[sum]
		if known {
			seen[sum] = due
		}
		if known && due > now {
			later++
			return true
		}
		return false
	})
	if err != nil {
		return err
	}
	q.list.Close()
	q.list, q.shelf, q.changed = list, seen, changed
	q.unsettled = began.Sub(time.Unix(0, changed)) < settled
	q.count.waiting = list.Len() + later
	q.notes.Keep(func(base string) bool { _, there := seen[hash([]byte(base))]; return there })
	q.recover()
	q.triedSorted, q.suspectsSorted, q.looked = false, false, true
	took := time.Since(began)
	q.notBefore = began.Add(took + lookShare*took)
	return nil
}

// recover takes back what passing trouble has narrowed: a session may stand for
// weeks.
func (q *queue) recover() {
	q.rcptMax = q.rcptLimit()
	q.restrain()
	if q.unnoted && q.notes.Flush() == nil {
		q.unnoted = false
		q.sender.Limit(q.grant.Settings.Window)
	}
}

const (
	// lookShare bounds what looking costs in a large Maildir: the pause after it
	// is so many times as long.
	lookShare = 10
	// settled is how long after a change another one surely has another time.
	settled = 2 * time.Second
)

// changedSince says whether new has changed since the last look, for what no Watch
// has seen.
func (q *queue) changedSince() bool {
	changed, err := q.box.Changed()
	return err != nil || q.unsettled || changed != q.changed
}

// nextDue is when the first message on the shelf is due; the zero time is never.
func (q *queue) nextDue() time.Time {
	first := forGood
	for _, due := range q.shelf {
		first = min(first, due)
	}
	if first == forGood {
		return time.Time{}
	}
	return q.session.start.Add(first)
}

// rest gives memory back and writes the notes, before the session waits.
func (q *queue) rest() {
	q.Sending()
	q.list.Close()
	q.buffers, q.pieceBuffer, q.lent = buffers{}, nil, nil
	q.ahead, q.tried, q.suspects, q.again = nil, nil, nil, nil
	q.flying = make(map[*smtp.Transaction]*group)
}

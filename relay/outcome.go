package relay

import (
	"errors"
	"time"

	"vodmr/internal/logline"
	"vodmr/maildir"
	"vodmr/smtp"
)

// counts are what the end's log line tells.
type counts struct {
	waiting   int   // messages in the Maildir
	delivered int   // messages that the customer took
	bytes     int64 // of their content
	bounced   int
	deferred  int // how often a message was
}

// Answered is smtp.Source's: it decides what becomes of each file.
func (q *queue) Answered(tx *smtp.Transaction, decisions []smtp.Decision) {
	g := q.flying[tx]
	delete(q.flying, tx)
	g.closeStream()
	q.learn(decisions)
	repeat, later := &group{plain: true}, &group{plain: tx.Plain}
	for i, it := range g.items {
		d := decisions[i]
		switch {
		case d.Reply.Accepted():
			q.delivered(it, d.Reply)
		case tooMany(d):
			q.rcptMax = min(q.rcptMax, d.After)
			later.items = append(later.items, it)
			q.notes.Again(it.base)
		case d.Reply.AboutCommand() && !tx.Plain:
			repeat.items = append(repeat.items, it)
			q.notes.Again(it.base)
		case aboutSession(d.Reply, tx.Plain):
			q.unwilling(it, d.Reply)
		case d.Reply.Permanent() && d.Stage == smtp.StageMail:
			q.refusedSender(it, d.Reply)
		case d.Reply.Permanent():
			q.failed(it, d.Reply, byServer)
		default:
			q.deferred(it, d.Reply)
		}
	}
	for _, more := range []*group{later, repeat} {
		if len(more.items) > 0 {
			q.again = append(q.again, more)
		}
	}
	if len(later.items)+len(repeat.items) == 0 && !g.items[0].retry {
		q.countRefused(decisions)
	}
}

// byServer stands before the reply in a bounce.
const byServer = "the mail server of this domain refused it: "

// countRefused counts a transaction that nothing was taken of and something was refused
// for good.
func (q *queue) countRefused(decisions []smtp.Decision) {
	var refusal smtp.Reply
	for _, d := range decisions {
		if d.Reply.Accepted() {
			return
		}
		if d.Reply.Permanent() {
			refusal = d.Reply
		}
	}
	if refusal.Code != 0 {
		q.refusedAll(refusal)
	}
}

// tooMany says whether a RCPT was refused since there were enough before it:
// 452, or 552 (RFC 5321 section 4.5.3.1.10).
func tooMany(d smtp.Decision) bool {
	return d.Stage == smtp.StageRcpt && d.After > 0 && (d.Reply.Code == 452 || d.Reply.Code == 552)
}

// delivered removes a file that the customer's server answers for now.
func (q *queue) delivered(it *item, reply smtp.Reply) {
	q.removeOrNote(it)
	q.count.delivered++
	q.count.bytes += it.length
	q.logFile("success", it, reply)
}

// removeOrNote removes a file, or notes at once that it must only be removed: also
// of one that is gone, since a mail reader that renamed it in this moment, or moved
// it to another folder, can bring it back under its name.
func (q *queue) removeOrNote(it *item) {
	removal := q.remove(it.entry, it.size)
	if removal == nil {
		return
	}
	noted := q.notes.Done(it.base)
	q.shelve(it.base, q.pace().reread)
	err := q.notes.Flush()
	if err == nil && !noted {
		err = errNotesFull
	}
	if err != nil {
		q.noteTrouble(err)
		q.stuck = q.stuck || !errors.Is(removal, maildir.ErrGone)
	}
}

var errNotesFull = errors.New("vodmr.notes has no room for another message that is done and cannot be removed")

// remove unlinks a file, and logs why it could not. ErrGone, that it was gone already,
// is no news.
func (q *queue) remove(entry maildir.Entry, size int64) error {
	err := q.box.Remove(entry, size)
	var quota *maildir.QuotaError
	switch {
	case err == nil:
	case errors.Is(err, maildir.ErrGone):
		q.count.waiting--
		return err
	case errors.As(err, &quota):
		q.Log.Event("error", logline.F("file", entry.Path()), logline.Err(err))
	default:
		q.Log.Event("error", logline.F("file", entry.Path()), logline.Err(err))
		return err
	}
	q.count.waiting--
	q.notes.Forget(entry.Base())
	return nil
}

// removeDone removes what an earlier session delivered but could not remove.
func (q *queue) removeDone(entry maildir.Entry) {
	m, err := q.box.OpenMessage(entry)
	if err != nil {
		q.skip(entry, err)
		return
	}
	m.Close()
	if q.remove(m.Entry, m.Size) != nil {
		q.shelve(m.Entry.Base(), q.pace().reread)
	}
}

// secondDeferral is how far apart a message must have been deferred twice before
// its age may count against it, by two sessions or by one that stands: a customer's
// server that is broken for an hour must not cost it the mail of a week.
const secondDeferral = 24 * time.Hour

// deferred keeps a file, unless it has been tried for long enough.
func (q *queue) deferred(it *item, reply smtp.Reply) {
	now := q.Now()
	first := q.notes.Of(it.base).First
	if q.old(it.entry) && first != 0 && now.Sub(time.Unix(first, 0)) >= secondDeferral {
		q.bounceOrKeep(it, reply, "it was deferred until it was too old, the last time with: ")
		return
	}
	q.keep(it, reply)
}

// keep notes that the customer's server deferred a file.
func (q *queue) keep(it *item, reply smtp.Reply) {
	q.notes.Kept(it.base, reply.String())
	q.logKept(it, reply)
}

// keepTried keeps a file for a refusal that is about the session.
func (q *queue) keepTried(it *item, reply smtp.Reply) {
	q.notes.Tried(it.base, "the session was refused: "+reply.String())
	q.logKept(it, reply)
}

// logKept counts and logs that a file stays.
func (q *queue) logKept(it *item, reply smtp.Reply) {
	q.count.deferred++
	q.shelve(it.base, q.retryWait(it.base))
	q.logFile("deferral", it, reply)
}

// failed bounces a file for a permanent refusal, if that is believed; why stands before
// the reply in the bounce.
func (q *queue) failed(it *item, reply smtp.Reply, why string) {
	switch {
	case q.grant.Settings.SoftBounce:
		q.deferred(it, reply)
	case it.retry || q.notes.Trusts() || q.refusedForLong(it):
		q.bounceOrKeep(it, reply, why)
	default:
		q.doubtRefusal(it, reply)
	}
}

// bounceOrKeep removes a file once its bounce is queued.
func (q *queue) bounceOrKeep(it *item, reply smtp.Reply, why string) {
	q.logFile("failure", it, reply)
	if err := q.bounce(it, why+reply.String()); err != nil {
		q.logUnbounced(it, err)
		q.notes.Tried(it.base, reply.String())
		q.shelve(it.base, q.retryWait(it.base))
		return
	}
	q.count.bounced++
	q.removeOrNote(it)
}

// doubt names the files that a broken session left unanswered after their
// content went out: they may arrive again.
func (q *queue) doubt(left []smtp.Unanswered, why error) {
	for _, u := range left {
		if !u.Doubt {
			continue
		}
		for _, it := range q.flying[u.Transaction].items {
			q.Log.Event("doubt", append(it.fields(), logline.F("reply", why.Error()))...)
		}
	}
}

func (q *queue) logFile(event string, it *item, reply smtp.Reply) {
	q.Log.Event(event, append(it.fields(), logline.F("reply", reply.String()))...)
}

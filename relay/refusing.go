package relay

import (
	"errors"
	"slices"
	"time"

	"vodmr/internal/logline"
	"vodmr/maildir"
	"vodmr/smtp"
)

// A server that refuses everything is set up wrong: it is the wrong port, it does not know
// the domain, its size limit is too low. Its refusals say nothing about the mail.

// A refusals is what the customer's server has refused for good in this session.
type refusals struct {
	why    string     // the server refuses the whole session: nothing more is sent
	last   smtp.Reply // the last refusal
	inARow int        // transactions refused since one was taken in this session
	took   bool       // it took a message
	mailed bool       // it accepted a MAIL
	// senders are messages whose MAIL was refused before any was accepted.
	senders []refusedMail
	// doubted are messages that were kept as their refusal was not believed.
	doubted []maildir.Entry
}

// A refusedMail is a message whose MAIL was refused.
type refusedMail struct {
	item  *item
	reply smtp.Reply
}

const (
	// mostInARow is how many transactions a server that is not trusted is offered in one
	// session, in the hope that it takes one. Fewer would let messages for unknown
	// recipients, which come in hundreds, keep back what it would take.
	mostInARow = 100
	// mostDoubted is how many refused messages a session tries again at its end.
	mostDoubted = 1000

	wantsMore   = "the customer's mail server wants a login, TLS or something else first, so it is the wrong port or host: all mail is kept"
	noSenders   = "the customer's mail server refuses each sender in the same words: all mail is kept"
	noSession   = "the customer's mail server refuses the connection: all mail is kept"
	noName      = "the customer's mail server refuses this host's name in EHLO and HELO: all mail is kept"
	neverTook   = "the customer's mail server never took a message and refuses what it is offered, so it may be set up wrong: what it refused is kept, and bounces if it is refused again a day later"
	tookNoMore  = "the customer's mail server has refused ten messages or more in a row, so it may be set up wrong: what it refused is kept, and bounces if it is refused again a day later"
	overRefused = over("the customer's mail server refuses the mail")
)

// learn takes what a transaction's replies say about the server, before they decide about
// its messages.
func (q *queue) learn(decisions []smtp.Decision) {
	taken, mailed := 0, false
	for _, d := range decisions {
		if d.Reply.Accepted() {
			taken++
		}
		mailed = mailed || d.Stage != smtp.StageMail
	}
	if taken > 0 {
		q.refusals.took, q.refusals.inARow = true, 0
		first := !q.notes.EverTaken()
		q.notes.Taken(taken)
		if first {
			q.Sending() // or a crash now leaves refusals that nobody believes
		}
		q.restrain()
	}
	if mailed && !q.refusals.mailed {
		q.refusals.mailed = true
		q.decideSenders()
	}
}

// refusedAll counts a transaction that was refused for good and brought nothing.
func (q *queue) refusedAll(reply smtp.Reply) {
	if q.grant.Settings.SoftBounce {
		return
	}
	q.refusals.inARow++
	q.refusals.last = reply
	q.notes.Refused()
}

// aboutSession says whether a refusal is about the session and not about the mail: 530
// (RFC 4954 section 6, RFC 3207 section 4), and 503 to what is in order.
func aboutSession(reply smtp.Reply, plain bool) bool {
	return reply.Code == 530 || reply.Code == 503 && plain
}

// unwilling keeps a message that was refused for the session's sake. Nothing more is sent
// then, unless the server has shown that it takes other mail.
func (q *queue) unwilling(it *item, reply smtp.Reply) {
	if q.refusals.took || q.grant.Settings.SoftBounce {
		q.deferred(it, reply)
		return
	}
	q.refusals.why = wantsMore
	q.keepTried(it, reply)
}

// refusedSender takes a refused MAIL, which is only decided about once it is known
// whether the server accepts another sender.
func (q *queue) refusedSender(it *item, reply smtp.Reply) {
	r := &q.refusals
	if r.mailed || q.grant.Settings.SoftBounce {
		q.failed(it, reply, byServer)
		return
	}
	q.notes.Again(it.base)
	r.senders = append(r.senders, refusedMail{it, reply})
	first := r.senders[0]
	if it.sender != first.item.sender && sameReply(reply, first.reply) {
		r.why = noSenders
	}
}

func sameReply(a, b smtp.Reply) bool {
	return a.Code == b.Code && a.Enhanced == b.Enhanced && slices.Equal(a.Lines, b.Lines)
}

// decideSenders decides about the messages whose MAIL was refused first.
func (q *queue) decideSenders() {
	senders := q.refusals.senders
	q.refusals.senders = nil
	for _, r := range senders {
		if q.refusals.why != "" {
			q.keepTried(r.item, r.reply)
		} else {
			q.failed(r.item, r.reply, byServer)
		}
	}
}

// doubtRefusal keeps a message whose refusal is not believed.
func (q *queue) doubtRefusal(it *item, reply smtp.Reply) {
	q.notes.Doubted(it.base, reply.String())
	q.logKept(it, reply)
	if r := &q.refusals; len(r.doubted) < mostDoubted {
		r.doubted = append(r.doubted, it.entry)
	}
}

// refusedForLong says whether a message was refused for good a day ago too.
func (q *queue) refusedForLong(it *item) bool {
	since := q.notes.RefusedSince(it.base)
	return since != 0 && q.Now().Sub(time.Unix(since, 0)) >= secondDeferral
}

// moreDoubted reads the next message whose refusal was not believed ahead again, once
// the server has taken one.
func (q *queue) moreDoubted() bool {
	r := &q.refusals
	if len(r.doubted) == 0 || !q.notes.Trusts() {
		return false
	}
	entry := r.doubted[0]
	r.doubted = r.doubted[1:]
	if it := q.readAhead(entry); it != nil {
		it.retry = true
	}
	return true
}

// refused says why the session is to end, as a server that refuses everything is offered
// no more; "" if it is not.
func (q *queue) refused() string {
	switch r := &q.refusals; {
	case r.why != "":
		return r.why
	case r.inARow == 0 || q.notes.Trusts():
		return ""
	case q.notes.EverTaken():
		return tookNoMore
	}
	return neverTook
}

// mayOffer says whether the server is to be offered one message more.
func (q *queue) mayOffer() bool {
	r := &q.refusals
	return r.why == "" && (r.inARow < mostInARow || q.notes.Trusts())
}

// tellRefusing logs that the customer's server refuses everything; err is how the session
// ended.
func (q *queue) tellRefusing(err error) {
	why, reply := q.refused(), q.refusals.last
	var refused *smtp.RefusedError
	if errors.As(err, &refused) && refusesSession(err) {
		why, reply = noSession, refused.Reply
		if refused.What == "HELO" {
			why = noName
		}
	}
	if why != "" {
		q.Log.Event("refusing", logline.F("reason", why), logline.F("reply", reply.String()))
	}
}

// refusesSession says whether the greeting or HELO was refused for good.
func refusesSession(err error) bool {
	var refused *smtp.RefusedError
	return errors.As(err, &refused) && refused.Reply.Permanent() && (refused.What == "greeting" || refused.What == "HELO")
}

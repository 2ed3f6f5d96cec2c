package spool

import (
	"slices"
	"strings"

	"vodmr/maildir"
	"vodmr/smtp"
)

// A server that refuses everything is set up wrong: it is the wrong port, it does not know
// the domain, its size limit is too low. Its refusals say nothing about the mail.

// A Trust says how far the refusals of the customer's server are believed in this session.
type Trust struct {
	spool     *Spool
	why       string     // the server refuses the whole session: nothing more is sent
	last      smtp.Reply // the last refusal
	inARow    int        // batches refused since one was taken in this session
	took      bool       // it took a message
	once      bool       // it accepted a MAIL
	mailed    bool       // it did so since a standing session looked for mail last
	looked    bool       // the session has sent all, and looked for mail again
	unwilling int        // messages refused for the session's sake
	// senders are messages with a refused MAIL, before any was accepted.
	senders []refusedMail
	// doubted are messages that were kept as their refusal was not believed.
	doubted []maildir.Entry
	refused int // messages refused for good; one that is refused alike when tried again counts once
	unknown int // those of them with a recipient that the server does not know (5.1.1)
}

// A refusedMail is a message and the refusal of its MAIL.
type refusedMail struct {
	message *Message
	reply   smtp.Reply
}

const (
	// mostInARow is how many batches a server that is not trusted is offered in one
	// session, in the hope that it takes one. With fewer, messages for unknown
	// recipients, which come in hundreds, would keep back mail that it would take.
	mostInARow = 100
	// unknownUser is the enhanced code of a recipient who does not exist (RFC 3463 section 3.2).
	unknownUser = "5.1.1"
	// mostUnknown is how many of them a session believes of a server that never took mail.
	mostUnknown = 2
	// refusedSession stands in the notes before a refusal that was about the session.
	refusedSession = "the session was refused: "
	// mostDoubted is how many refused messages a session tries again at its end.
	mostDoubted = 1000

	wantsMore  = "the customer's mail server wants a login, TLS or something else first, so it is the wrong port or host: all mail is kept"
	noSenders  = "the customer's mail server refuses each sender in the same words: all mail is kept"
	neverTook  = "the customer's mail server never took a message and refuses what it is offered, so it may be set up wrong: what it refused is kept, and bounces if it is refused again a day later"
	tookNoMore = "the customer's mail server has refused ten messages or more in a row, so it may be set up wrong: what it refused is kept, and bounces if it is refused again a day later"
)

// Taken says that the customer's server took so many messages of a batch. It reports if
// these are the first ever: then the notes must be written at once.
func (t *Trust) Taken(messages int) (first bool) {
	t.took, t.inARow, t.why = true, 0, ""
	first = !t.spool.history.EverTaken()
	t.spool.history.Taken(messages)
	return first
}

// AcceptedSender says that the server accepted a MAIL. If it had refused several senders
// in the same words before, when this reply was still outstanding, they were not all.
func (t *Trust) AcceptedSender() {
	if t.mailed {
		return
	}
	t.once, t.mailed = true, true
	if t.why == noSenders {
		t.why = ""
	}
	t.DecideSenders()
}

// Looked says that a standing session, which had sent all, looked for mail again. That may be
// days later: what the server accepted before tells nothing of what it will accept.
func (t *Trust) Looked() { t.mailed, t.looked = false, true }

// LeavesOpen reports if this refusal of a MAIL is not decided about: a standing session looked
// for mail again, and no MAIL was accepted since. It may be about the session: Postfix refuses
// each MAIL of a session after its milter was started anew. So another session is to try, unless
// one has, and this one has accepted a MAIL. A refusal for the address is about that.
func (t *Trust) LeavesOpen(m *Message, reply smtp.Reply) bool {
	tried := t.once && strings.HasPrefix(t.spool.history.Of(m.base).Reply, refusedSession+"5")
	return t.looked && !t.mailed && !tried && !AboutAddress(reply)
}

// Untried reports if no session has kept a message yet that it had offered.
func (t *Trust) Untried(m *Message) bool { return t.spool.history.Of(m.base).Tries == 0 }

// AboutAddress reports if a MAIL was refused for its address: sendmail says X.1.8 if the
// sender's domain cannot be looked up.
func AboutAddress(reply smtp.Reply) bool {
	return strings.HasPrefix(reply.Enhanced, "4.1.") || strings.HasPrefix(reply.Enhanced, "5.1.")
}

// RefusedAll counts a batch that was refused for good, with nothing taken of it.
func (t *Trust) RefusedAll(reply smtp.Reply) {
	if t.spool.grant.Settings.SoftBounce {
		return
	}
	t.inARow++
	t.last = reply
	t.spool.history.Refused()
}

// RefusedSession keeps a message for a refusal that is about the session. Nothing more is
// sent then, unless the server has taken mail: some servers say 530 of a sender in their own
// domain, and mail with forged senders must not keep back the rest.
func (t *Trust) RefusedSession(m *Message, reply smtp.Reply) {
	if t.took || t.spool.grant.Settings.SoftBounce {
		t.spool.Deferred(m, reply)
		return
	}
	t.unwilling++
	if !t.spool.history.Trusts() {
		t.why = wantsMore
	}
	t.keepTried(m, reply)
}

// RefusedSender takes a refused MAIL. It is only decided about once it is known if the
// server accepts another sender.
func (t *Trust) RefusedSender(m *Message, reply smtp.Reply) {
	if t.mailed || t.spool.grant.Settings.SoftBounce {
		t.spool.Refused(m, reply, ByServer)
		return
	}
	t.spool.history.Retry(m.base)
	t.senders = append(t.senders, refusedMail{m, reply})
	if !t.spool.history.Trusts() && t.eachSender() {
		t.why = noSenders
	}
}

// eachSender reports if MAIL was refused in the same words for two senders or more, and
// never otherwise, nor accepted.
func (t *Trust) eachSender() bool {
	several := false
	for _, next := range t.senders {
		a, b := next.reply, t.senders[0].reply
		if a.Code != b.Code || a.Enhanced != b.Enhanced || !slices.Equal(a.Lines, b.Lines) {
			return false
		}
		several = several || next.message.sender != t.senders[0].message.sender
	}
	return several && !t.once
}

// DecideSenders decides about the messages with a MAIL that was refused first: once a MAIL
// was accepted, or when all is answered and nothing more waits. A server that took mail
// before may be set up wrong since: that shows if it accepted no MAIL at all.
func (t *Trust) DecideSenders() {
	if t.why == "" && !t.once {
		if t.unwilling > 0 {
			t.why = wantsMore
		} else if t.eachSender() {
			t.why = noSenders
		}
	}
	senders := t.senders
	t.senders = nil
	for _, r := range senders {
		if t.why != "" {
			t.keepTried(r.message, r.reply)
		} else if !t.LeavesOpen(r.message, r.reply) {
			t.spool.Refused(r.message, r.reply, ByServer)
		}
	}
}

// DoubtSenders takes the place of DecideSenders if the session broke before another MAIL
// was answered: the server may have been about to accept that sender, or to refuse each.
// So a refused MAIL is believed only if it was refused a day ago too.
func (t *Trust) DoubtSenders() {
	senders := t.senders
	t.senders = nil
	for _, r := range senders {
		if t.why != "" {
			t.keepTried(r.message, r.reply)
		} else if t.refusedForLong(r.message) {
			t.spool.Refused(r.message, r.reply, ByServer)
		} else {
			t.doubtRefusal(r.message, r.reply)
		}
	}
}

// believes counts a refusal for good, and reports if its message bounces for it.
func (t *Trust) believes(m *Message, reply smtp.Reply) bool {
	unknown := reply.Enhanced == unknownUser
	if unknown && m.retry {
		return true
	}
	t.refused++
	if unknown {
		t.unknown++
	}
	return t.spool.history.Trusts() || t.refusedForLong(m)
}

// doubtRefusal keeps a message: its refusal is not believed.
func (t *Trust) doubtRefusal(m *Message, reply smtp.Reply) {
	t.spool.history.Doubted(m.base, reply.String())
	t.spool.logKept(m, reply)
	if len(t.doubted) < mostDoubted {
		t.doubted = append(t.doubted, m.entry)
	}
}

// fewUnknown reports if the server, which never took a message, refused nothing but one or
// two recipients that it does not know. That speaks of them, and is no sign of a server
// that refuses everything. The next reply may be a third one, so this holds only when all
// is answered and nothing more waits.
func (t *Trust) fewUnknown() bool {
	return !t.spool.history.EverTaken() && t.why == "" && len(t.senders) == 0 &&
		t.unknown > 0 && t.unknown <= mostUnknown && t.unknown == t.refused
}

// forgetListed drops doubted messages that a look has listed anew, as their time has come.
func (t *Trust) forgetListed(listed func(base string) bool) {
	t.doubted = slices.DeleteFunc(t.doubted, func(e maildir.Entry) bool { return listed(e.Base()) })
}

// refusedForLong reports if a message was refused for good a day ago too.
func (t *Trust) refusedForLong(m *Message) bool {
	since := t.spool.history.RefusedSince(m.base)
	return since != 0 && t.spool.ages.since(since) >= secondDeferral
}

// Refusing is why the session is to end, as a server that refuses everything is offered
// no more, and its last refusal; "" if it is not.
func (t *Trust) Refusing() (why string, last smtp.Reply) {
	switch {
	case t.why != "":
		return t.why, t.last
	case t.inARow == 0 || t.spool.history.Trusts():
		return "", t.last
	case t.spool.history.EverTaken():
		return tookNoMore, t.last
	}
	return neverTook, t.last
}

// MayOffer reports if the server is to be offered one message more, if so many that are
// not counted yet are refused.
func (t *Trust) MayOffer(refused int) bool {
	return t.why == "" && (t.inARow+refused < mostInARow || t.spool.history.Trusts())
}

// keepTried keeps a message for a refusal that is about the session.
func (t *Trust) keepTried(m *Message, reply smtp.Reply) {
	t.spool.history.Tried(m.base, refusedSession+reply.String())
	t.spool.logKept(m, reply)
}

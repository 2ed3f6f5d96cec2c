package fetch

import (
	"slices"

	"vodmr/smtp"
)

// An accounting says of each transaction of a session whether the receiving side took or
// refused its message, from the replies in their order. A message that was taken for
// some of its recipients and refused for others counts as both.
//
// The first refusal decides: that of MAIL, of a RCPT, or of the content. If MAIL was
// refused, or no recipient accepted, the replies that follow say nothing of their own.
// Its memory is bounded.
type accounting struct {
	tally   *Tally
	now     transit
	refused []refusal // at most maxRefusals
	more    int64     // beyond those
	taken   bool      // a message was
	helo    bool      // what hinders is a refused EHLO or HELO
}

// A transit is the transaction that has its replies to come.
type transit struct {
	owedReply          // MAIL
	open      bool     // MAIL was accepted
	accepted  int      // recipients
	first     pathHash // the first of those
	to        string   // its address, if messages are told of
	counted   bool     // as refused
	refusal   smtp.Reply
	byDATA    bool // the refusal was DATA's
	repeat    bool // of one that was refused
	content   bool // DATA or BDAT was answered
}

// A pathHash stands for a path, by its hash. noPath stands for none.
type pathHash uint64

const noPath pathHash = 0

// A refusal is one that counts.
type refusal struct {
	sender, rcpt pathHash // rcpt is noPath if MAIL was refused
	size         int64    // as announced; 0 for unknown
	sent         int      // MAIL commands before the refusal
	several      bool     // of content that several recipients were accepted for
	early        bool     // no message had been taken
	repeat       bool     // it repeated another
	reply        smtp.Reply
}

const maxRefusals = 1000

// greeting takes the receiving side's first reply.
func (l *accounting) greeting(r smtp.Reply) {
	if r.Refused() {
		l.tally.hinder(r)
	}
}

// hello takes the reply to EHLO or HELO. A provider says HELO after a refused EHLO.
func (l *accounting) hello(r smtp.Reply) {
	l.now = transit{}
	if r.Refused() && l.tally.Now().hindrance.Code == 0 {
		l.tally.hinder(r)
		l.helo = true
	} else if r.Accepted() && l.helo {
		l.tally.hinder(smtp.Reply{})
		l.helo = false
	}
}

// mail takes the reply to MAIL.
func (l *accounting) mail(o owedReply, r smtp.Reply, sent int) {
	l.now = transit{owedReply: o, open: r.Accepted()}
	l.takeBack(noPath)
	if r.Refused() {
		l.refuse(noPath, r, sent)
	}
}

// rcpt takes the reply to RCPT. 452 or 552 after an accepted recipient says that there
// are enough of them (RFC 5321 section 4.5.3.1.10): the rest follows in another
// transaction.
func (l *accounting) rcpt(o owedReply, r smtp.Reply, sent int) {
	if o.address == noPath {
		l.probe()
		return
	}
	if !l.now.open {
		return
	}
	l.takeBack(o.address)
	switch {
	case r.Accepted():
		if l.now.accepted == 0 {
			l.now.first, l.now.to = o.address, o.path
		}
		l.now.accepted++
	case l.now.accepted > 0 && (r.Code == 452 || r.Code == 552):
	case r.Refused():
		if l.now.accepted == 0 {
			l.now.to = o.path
		}
		l.refuse(o.address, r, sent)
	}
}

// probe forgets a transaction with the recipient <>: no message has such a recipient.
// A provider finds out by it whether the receiving side reads what it refuses. If its
// MAIL was refused, that is about the session.
func (l *accounting) probe() {
	if l.now.counted {
		l.tally.hinder(l.now.refusal)
		l.forget()
	}
	l.now = transit{}
}

// forget takes back the refusal of the present transaction.
func (l *accounting) forget() {
	if n := len(l.refused); l.more > 0 {
		l.more--
	} else if n > 0 {
		l.refused = l.refused[:n-1]
	}
	l.now.counted, l.now.byDATA = false, false
	l.publish()
}

// data takes a reply to DATA other than 354.
func (l *accounting) data(r smtp.Reply, sent int) {
	l.now.content = true
	if l.now.accepted > 0 && r.Refused() && !l.now.counted {
		l.refuse(l.now.first, r, sent)
		l.now.byDATA = true
	}
}

// content takes the reply to a chunk, or to all of the content, which had that size.
// A provider may try BDAT in the same transaction if DATA is refused as unknown; if the
// content is taken then, the message was not refused.
func (l *accounting) content(size int64, last bool, r smtp.Reply, sent int) {
	l.now.content = true
	if l.now.accepted == 0 {
		return
	}
	if r.Refused() {
		n := len(l.refused)
		if l.refuse(l.now.first, r, sent); len(l.refused) > n {
			l.refused[n].several = l.now.accepted > 1
		}
	}
	if !last {
		return
	}
	if r.Accepted() {
		if l.now.byDATA {
			l.forget()
		}
		l.taken = true
		l.tally.accepted(size, l.now.accepted)
		l.tally.tell(Message{Sender: l.now.path, Recipient: l.now.to, Recipients: l.now.accepted, Size: size})
	}
	l.now.accepted = 0
}

// reset takes the reply to RSET. A transaction of the null sender that announced no size
// and named no content was a question about recipients: no message was refused. A bounce
// that a provider offers in lock step looks the same, and is not counted either.
func (l *accounting) reset(r smtp.Reply) {
	if r.Accepted() {
		if l.now.counted && l.now.open && l.now.null && l.now.size == 0 && !l.now.content {
			l.forget()
		}
		l.now = transit{}
	}
}

// refuse counts the transaction as refused, once.
func (l *accounting) refuse(rcpt pathHash, r smtp.Reply, sent int) {
	if l.now.counted {
		return
	}
	l.now.counted, l.now.refusal = true, r
	l.tally.tell(Message{Sender: l.now.path, Recipient: l.now.to, Recipients: l.now.accepted, Size: l.now.size, Refusal: r.String()})
	if len(l.refused) < maxRefusals {
		l.refused = append(l.refused, refusal{
			sender: l.now.address, rcpt: rcpt, size: l.now.size, sent: sent,
			early: !l.taken, repeat: l.now.repeat, reply: r,
		})
	} else {
		l.more++
	}
	l.publish()
}

// takeBack forgets an earlier refusal of the same message, which the provider now
// offers once more: after 500 to 504 and 555 it repeats the transaction in lock step, content that
// was refused for several recipients it offers to each alone, and what was refused before
// the session's first message was taken it tries again at the end.
func (l *accounting) takeBack(rcpt pathHash) {
	i := slices.IndexFunc(l.refused, func(r refusal) bool {
		return r.rcpt == rcpt && r.sender == l.now.address && r.sent < l.now.number && !r.repeat &&
			(r.size == l.now.size || r.size == 0 || l.now.size == 0) &&
			(r.reply.AboutCommand() || r.several || r.early && l.taken)
	})
	if i < 0 {
		return
	}
	l.now.repeat = true
	l.refused = slices.Delete(l.refused, i, i+1)
	l.publish()
}

// publish tells the tally what is refused, with the words of the first refusal.
func (l *accounting) publish() {
	all := refusals{Refused: int64(len(l.refused)) + l.more}
	if len(l.refused) > 0 {
		all.Reason = l.refused[0].reply.String()
		all.forNow = l.more == 0 && !slices.ContainsFunc(l.refused, func(r refusal) bool { return !r.reply.Temporary() })
	}
	l.tally.refuse(all)
}

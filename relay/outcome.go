package relay

import (
	"vodmr/relay/spool"
	"vodmr/smtp"
)

// decide tells the spool what became of each message of a batch. plain is how it was
// sent.
func (s *source) decide(b *spool.Batch, decisions []smtp.Decision, plain bool) {
	var repeat, later []*spool.Message
	several, repeated := contentForSeveral(decisions), false
	for i, m := range b.Messages {
		d := decisions[i]
		s.refusedSome = s.refusedSome || d.Reply.Refused()
		switch {
		case d.Reply.Accepted():
			s.spool.Delivered(m, d.Reply)
		case tooMany(d):
			s.spool.LimitRecipients(d.After)
			later = append(later, m)
			s.spool.Retry(m)
		case s.tooManyMails(d):
			s.sender.Peer.Extensions.MailMax = s.sender.Begun()
			s.spool.Retry(m)
		case d.Reply.AboutCommand() && !plain:
			repeat = append(repeat, m)
			s.spool.Retry(m)
		case aboutSession(d.Reply, plain):
			s.spool.Trust.RefusedSession(m, d.Reply)
		case d.Stage == smtp.StageContent && several:
			s.spool.Retry(m)
			s.spool.Repeat([]*spool.Message{m}, plain)
			repeated = true
		case d.Reply.Permanent() && d.Stage == smtp.StageMail:
			s.spool.Trust.RefusedSender(m, d.Reply)
		case d.Reply.Permanent():
			s.spool.Refused(m, d.Reply, spool.ByServer)
		default:
			s.spool.Deferred(m, d.Reply)
		}
	}
	s.spool.Repeat(later, plain)
	s.spool.Repeat(repeat, true)
	repeated = repeated || len(later)+len(repeat) > 0
	if !repeated && !b.Retry() {
		s.countRefused(decisions)
	}
}

// decideNotice tells the spool what became of a notice. That the server takes notices does not
// show that it takes mail, and a notice that it refuses is no sign that it takes none.
func (s *source) decideNotice(b *spool.Batch, reply smtp.Reply, plain bool) {
	s.refusedSome = s.refusedSome || reply.Refused()
	if reply.AboutCommand() && !plain {
		s.spool.Notices.Repeat(b)
	} else {
		s.spool.Notices.Answered(b, reply)
	}
}

// learn takes what a transaction's replies say about the server, before they decide about
// its messages.
func (s *source) learn(b *spool.Batch, decisions []smtp.Decision) {
	taken, mailed := 0, false
	for _, d := range decisions {
		if d.Reply.Accepted() {
			taken++
		}
		mailed = mailed || d.Stage != smtp.StageMail
	}
	s.takesNoMore = !mailed && (s.takesNoMore || s.isForAnother(b.Messages[0], decisions[0].Reply))
	if taken > 0 {
		s.took = true
		if s.spool.Trust.Taken(taken) {
			s.write() // or a crash now leaves refusals that nobody believes
		}
		s.restrain()
	}
	if mailed {
		s.spool.Trust.AcceptedSender()
	}
}

// isForAnother reports if another session is to try a message, as its refused MAIL may be about
// this one. A standing session is not to last for days with a server that would take mail from
// another one: Postfix refuses each MAIL of a session after its milter was started anew. A
// refusal for the address says nothing about that, nor does one for now of a message that
// another session has tried.
func (s *source) isForAnother(m *spool.Message, reply smtp.Reply) bool {
	if reply.Temporary() && !s.spool.Trust.Untried(m) {
		return false
	}
	return s.spool.Trust.LeavesOpen(m, reply) || s.took && reply.Temporary() && !spool.AboutAddress(reply)
}

// countRefused counts a transaction that nothing was taken of and something was refused
// for good.
func (s *source) countRefused(decisions []smtp.Decision) {
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
		s.spool.Trust.RefusedAll(refusal)
	}
}

// tooMany reports if a RCPT was refused since there were enough before it:
// 452, or 552 (RFC 5321 section 4.5.3.1.10), or any 4.5.3 (OpenSMTPD says 451 4.5.3).
func tooMany(d smtp.Decision) bool {
	return d.Stage == smtp.StageRcpt && d.After > 0 &&
		(d.Reply.Code == 452 || d.Reply.Code == 552 || d.Reply.Enhanced == tooManyCode)
}

// tooManyCode is the enhanced code of too many recipients (RFC 3463 section 3.6).
const tooManyCode = "4.5.3"

// tooManyMails reports if a MAIL was refused since the session had enough of them: that is
// all that 4.5.3 can mean there. OpenSMTPD takes 100 by default, and does not hang up.
func (s *source) tooManyMails(d smtp.Decision) bool {
	return d.Stage == smtp.StageMail && s.took && d.Reply.Enhanced == tooManyCode
}

// contentForSeveral reports if the content was refused for several accepted recipients
// at once. A server may mean one of them only (a quota, a filter that one of them has),
// and the reply does not say which. So each copy is offered again alone, and that
// reply is believed.
func contentForSeveral(decisions []smtp.Decision) bool {
	refused := 0
	for _, d := range decisions {
		if d.Stage == smtp.StageContent && d.Reply.Refused() {
			refused++
		}
	}
	return refused > 1
}

// aboutSession reports if a refusal is about the session and not about the mail: 530
// (RFC 4954 section 6, RFC 3207 section 4), and 503 to what is in order.
func aboutSession(reply smtp.Reply, plain bool) bool {
	return reply.Code == 530 || reply.Code == 503 && plain
}

package fetch

import (
	"time"

	"vodmr/smtp"
)

// replies sees what the receiving side sends.
func (t *tracker) replies(p []byte) {
	t.moved = time.Now()
	for len(p) > 0 && !t.blind {
		reply, ok, n := t.listener.feed(p)
		p = p[n:]
		if ok {
			t.answered(reply)
		}
	}
}

// answered matches a reply to the oldest command without one. It is false if nothing had
// asked for it.
func (t *tracker) answered(r smtp.Reply) bool {
	if r.Code == 421 { // may come unasked (RFC 5321 section 3.8)
		t.tally.hinder(r)
		t.closing = true
	}
	if len(t.owed) == 0 || t.owed[0].held || t.tooEarly(r) {
		return t.outside(r)
	}
	owed := t.owed[0]
	t.owed = t.owed[1:]
	if owed.kind != owedNoop {
		t.active = t.moved
	}
	if r.Code != 421 {
		t.follow(owed, r)
	}
	return true
}

// tooEarly reports if the reply accepts a chunk that is not there yet.
func (t *tracker) tooEarly(r smtp.Reply) bool {
	return len(t.owed) == 1 && t.state == inChunk && r.Accepted()
}

// outside takes a reply to nothing. After QUIT it can be taken for no other, and 421 ends
// the session: only the guard's own replies may follow.
func (t *tracker) outside(r smtp.Reply) (excused bool) {
	if t.closing || t.quit {
		return true
	}
	t.goBlind()
	t.unasked = r.String()
	return false
}

// follow takes the reply to a command.
func (t *tracker) follow(owed owedReply, r smtp.Reply) {
	switch owed.kind {
	case owedGreeting:
		t.accounting.greeting(r)
	case owedEHLO, owedHELO:
		t.accounting.hello(r)
	case owedMail:
		t.accounting.mail(owed, r, t.mails)
	case owedRcpt:
		t.accounting.rcpt(owed, r, t.mails)
	case owedDATA:
		t.dataAnswered(r)
	case owedChunk, owedContent:
		t.accounting.content(owed.size, owed.kind == owedContent, r, t.mails)
	case owedReset:
		t.accounting.reset(r)
	case owedTLS:
		if r.Accepted() {
			t.goBlind()
		}
	}
}

// dataAnswered takes the reply to DATA: whether content follows. A provider that went
// on without it has decided that already.
func (t *tracker) dataAnswered(r smtp.Reply) {
	next := inCommands
	if r.Code == 354 {
		next = inData
	} else {
		t.accounting.data(r, t.mails)
	}
	if t.state == afterDATA {
		t.state = next
	}
}

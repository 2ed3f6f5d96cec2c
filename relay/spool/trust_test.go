package spool

import (
	"strings"
	"testing"
	"time"

	"vodmr/smtp"
)

func reply(code int, enhanced, text string) smtp.Reply { return smtp.NewReply(code, enhanced, text) }

// each hands every message that is offered to answer, and returns the spool.
func (s *site) each(t testing.TB, answer func(sp *Spool, b *Batch, m *Message)) *Spool {
	t.Helper()
	sp := s.begun(t)
	must(t, sp.Start(smtp.Extensions{}, func() bool { return false }))
	for b := sp.Next(); b != nil; b = sp.Next() {
		for _, m := range b.Messages {
			answer(sp, b, m)
		}
	}
	return sp
}

func threeMails(t testing.TB) *site {
	t.Helper()
	s := newSite(t)
	s.queue(t)
	for i := range 3 {
		s.put(t, i, "s"+name(i))
	}
	return s
}

// TestRefusedSessionStops: a server that wants a login first is offered no more, and
// nothing is lost; one that has taken mail only defers that message.
func TestRefusedSessionStops(t *testing.T) {
	s := threeMails(t)
	sp := s.each(t, func(sp *Spool, _ *Batch, m *Message) { sp.Trust.RefusedSession(m, reply(530, "5.7.0", "login first")) })
	if why, _ := sp.Trust.Refusing(); why != wantsMore || sp.Trust.MayOffer(0) || len(s.waiting(t)) != 3 {
		t.Errorf("%q; %v", why, s.waiting(t))
	}
	s = threeMails(t)
	sp = s.each(t, func(sp *Spool, b *Batch, m *Message) {
		if b.Messages[0].base == name(0) {
			sp.Trust.AcceptedSender()
			sp.Delivered(m, reply(250, "2.0.0", "ok"))
			sp.Trust.Taken(1)
			return
		}
		sp.Trust.RefusedSession(m, reply(530, "5.7.0", "not you"))
	})
	if why, _ := sp.Trust.Refusing(); why != "" || sp.Counts.Deferred != 2 || len(s.waiting(t)) != 2 {
		t.Errorf("%q; %+v; %v", why, sp.Counts, s.waiting(t))
	}
}

// TestRefusedSenders: a refused MAIL is decided about when another was accepted, or at the
// end, and the same words for different senders are about the session.
func TestRefusedSenders(t *testing.T) {
	refuse := func(text string) func(*Spool, *Batch, *Message) {
		return func(sp *Spool, _ *Batch, m *Message) { sp.Trust.RefusedSender(m, reply(550, "5.7.1", text+m.sender)) }
	}
	s := threeMails(t)
	s.write(t, "domain/odmr/Maildir/new/"+name(1), "Return-Path: <bob@sender.test>\nDelivered-To: r1@example.org\n"+
		"Received: x\nSubject: other\n\nhello\n")
	sp := s.each(t, func(sp *Spool, _ *Batch, m *Message) { sp.Trust.RefusedSender(m, reply(550, "5.7.1", "no")) })
	sp.Trust.DecideSenders()
	if why, _ := sp.Trust.Refusing(); why != noSenders || len(s.waiting(t)) != 3 {
		t.Errorf("%q; %v", why, s.waiting(t))
	}
	s = threeMails(t)
	sp = s.each(t, refuse("no mail of "))
	sp.Trust.AcceptedSender()
	if why, _ := sp.Trust.Refusing(); why != "" || sp.Counts.Deferred != 3 || len(s.waiting(t)) != 3 {
		t.Errorf("%q; %+v; %v", why, sp.Counts, s.waiting(t))
	}
}

// TestRefusalsOfAStranger: a server that never took mail is not believed; the refusals of
// one that did are bounces, but for a login with soft bounces.
func TestRefusalsOfAStranger(t *testing.T) {
	for _, test := range []struct {
		trusted, soft bool
		left          int
	}{{false, false, 3}, {true, false, 0}, {true, true, 3}} {
		s := threeMails(t)
		if test.trusted {
			s.write(t, "domain/odmr/Maildir/vodmr.notes", "1795336700 taken 1\n")
		}
		if test.soft {
			s.env["VODMR_SOFTBOUNCE"] = "1"
		}
		sp := s.each(t, func(sp *Spool, b *Batch, m *Message) {
			sp.Trust.RefusedAll(reply(550, "5.7.1", "no"))
			sp.Refused(m, reply(550, "5.7.1", "no"), ByServer)
		})
		if why, _ := sp.Trust.Refusing(); len(s.waiting(t)) != test.left || (why == neverTook) != !test.trusted {
			t.Errorf("%+v: %q, left %v\n%s", test, why, s.waiting(t), s.logged(t))
		}
	}
}

// TestBrokenBatch: what is unanswered or unreadable stays, and the log names it.
func TestBrokenBatch(t *testing.T) {
	s := threeMails(t)
	sp := s.each(t, func(sp *Spool, b *Batch, m *Message) {
		if m.base == name(0) {
			sp.Uncertain(b, smtp.ErrHungUp)
			sp.Tried(m, reply(451, "4.3.0", "later"))
			return
		}
		sp.Failed(b, smtp.ErrHungUp)
	})
	sp.Rest()
	if !sp.NextRetry().IsZero() || len(s.waiting(t)) != 3 {
		t.Errorf("next at %v; left %v", sp.NextRetry(), s.waiting(t))
	}
	for _, part := range []string{" doubt ", "file=new/" + name(1), "file=new/" + name(2)} {
		if !strings.Contains(s.logged(t), part) {
			t.Errorf("no %q in\n%s", part, s.logged(t))
		}
	}
}

// TestLooksAfterAFailure: a look that failed is repeated, and not before its time.
func TestLooksAfterAFailure(t *testing.T) {
	sp := threeMails(t).begun(t)
	at := now.Add(time.Minute)
	sp.Looks.Failed(at)
	if !sp.Looks.Changed() || !sp.Looks.NotBefore().Equal(at) {
		t.Errorf("changed %v, not before %v", sp.Looks.Changed(), sp.Looks.NotBefore())
	}
}

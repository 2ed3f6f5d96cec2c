package spool

import (
	"strings"
	"testing"
	"time"

	"vodmr/smtp"
	"vodmr/test/kit/require"
)

func reply(code int, enhanced, text string) smtp.Reply { return smtp.NewReply(code, enhanced, text) }

// each hands every message that is offered to answer, and returns the spool.
func (s *site) each(t testing.TB, answer func(sp *Spool, b *Batch, m *Message)) *Spool {
	t.Helper()
	sp := s.begun(t)
	require.OK(t, sp.Start(smtp.Extensions{}, func() bool { return false }))
	for b := sp.Next(); b != nil; b = sp.Next() {
		sp.Begun(b)
		sp.Ended(b)
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

// TestFewUnknown: of a server that never took mail, one or two unknown recipients are
// believed at the session's end, if it refused nothing else: not when the third reply is
// still outstanding, and one transaction may have had both.
func TestFewUnknown(t *testing.T) {
	unknown, other := reply(550, "5.1.1", "no such user"), reply(550, "5.7.1", "no")
	for _, test := range []struct {
		name    string
		copies  bool // of one message
		replies []smtp.Reply
		left    int
	}{
		{"two", false, []smtp.Reply{unknown, unknown}, 0},
		{"three", false, []smtp.Reply{unknown, unknown, unknown}, 3},
		{"two copies", true, []smtp.Reply{unknown, unknown}, 0},
		{"three copies", true, []smtp.Reply{unknown, unknown, unknown}, 3},
		{"another refusal", false, []smtp.Reply{unknown, other}, 2},
		{"another refusal of a copy", true, []smtp.Reply{unknown, other}, 2},
	} {
		s := newSite(t)
		s.queue(t)
		for i := range test.replies {
			subject := "same"
			if !test.copies {
				subject = name(i)
			}
			s.put(t, i, subject)
		}
		s.each(t, func(sp *Spool, b *Batch, m *Message) {
			if m == b.Messages[0] && !b.Retry() {
				sp.Trust.RefusedAll(unknown)
			}
			sp.Refused(m, test.replies[number(m)], ByServer)
		})
		if left := s.waiting(t); len(left) != test.left {
			t.Errorf("%s: left %v\n%s", test.name, left, s.logged(t))
		}
	}
}

// TestUnknownRefusedOtherwise: an unknown recipient that is refused in another way when it
// is asked again stays, and is not asked a third time.
func TestUnknownRefusedOtherwise(t *testing.T) {
	s := newSite(t)
	s.put(t, 0, "only")
	asked := 0
	s.each(t, func(sp *Spool, b *Batch, m *Message) {
		asked++
		sp.Refused(m, reply(550, []string{"5.1.1", "5.7.1"}[min(asked, 2)-1], "no"), ByServer)
	})
	if asked != 2 || len(s.waiting(t)) != 1 {
		t.Errorf("asked %d times, left %v", asked, s.waiting(t))
	}
}

// TestLastWithNothingInFlight: what goes last is not given out while a reply is
// outstanding, as that may put something before it.
func TestLastWithNothingInFlight(t *testing.T) {
	s := newSite(t)
	s.put(t, 0, "new")
	s.put(t, 1, "suspect")
	s.write(t, "domain/odmr/Maildir/vodmr.notes", "1795336700 taken 1\n1795336700 broke "+name(1)+" 2\n")
	sp := s.begun(t)
	require.OK(t, sp.Start(smtp.Extensions{}, func() bool { return false }))
	first := sp.Next()
	sp.Begun(first)
	if b := sp.Next(); b != nil {
		t.Fatalf("%s is given out while a reply is outstanding", b.Messages[0].base)
	}
	sp.Ended(first)
	sp.Retry(first.Messages[0])
	sp.Repeat(first.Messages, true)
	for _, want := range []string{name(0), name(1)} {
		b := sp.Next()
		if b == nil || b.Messages[0].base != want {
			t.Fatalf("%+v is given out, want %s", b, want)
		}
		sp.Ended(b)
	}
}

// TestSendersInFlight: a server that refuses two senders in the same words refuses each
// sender, until a reply that was outstanding accepts one.
func TestSendersInFlight(t *testing.T) {
	s := threeMails(t)
	sp := s.each(t, func(sp *Spool, _ *Batch, m *Message) {
		m.sender = m.base // each has its own
		if number(m) < 2 {
			sp.Trust.RefusedSender(m, reply(550, "5.7.1", "blocked"))
		}
	})
	if why, _ := sp.Trust.Refusing(); why != noSenders || sp.Trust.MayOffer(0) {
		t.Fatalf("two senders were refused alike: %q", why)
	}
	sp.Trust.AcceptedSender()
	if why, _ := sp.Trust.Refusing(); why != "" || !sp.Trust.MayOffer(0) || len(s.waiting(t)) != 3 {
		t.Errorf("a sender was accepted: %q, left %v", why, s.waiting(t))
	}
}

// TestSendersOfABrokenSession: a refused MAIL is not believed if the session broke before
// another MAIL was answered, unless it was refused a day ago too.
func TestSendersOfABrokenSession(t *testing.T) {
	for notes, left := range map[string]int{
		"": 2, "1795200000 kept " + name(0) + " 1 1795200000 550 5.7.1 no\n": 1,
	} {
		s := newSite(t)
		s.queue(t)
		s.put(t, 0, "refused")
		s.put(t, 1, "unanswered")
		s.write(t, "domain/odmr/Maildir/vodmr.notes", "1795336700 taken 1\n"+notes)
		sp := s.each(t, func(sp *Spool, _ *Batch, m *Message) {
			if number(m) == 0 {
				sp.Trust.RefusedSender(m, reply(550, "5.7.1", "no"))
			}
		})
		sp.Trust.DoubtSenders()
		if len(s.waiting(t)) != left {
			t.Errorf("%q: left %v, want %d\n%s", notes, s.waiting(t), left, s.logged(t))
		}
	}
}

// TestDoubtedAndDue: in a standing session, a doubted message that is listed anew goes once
// when the server has taken mail.
func TestDoubtedAndDue(t *testing.T) {
	s := newSite(t)
	s.env["VODMR_IDLE"] = "1000"
	s.put(t, 0, "refused")
	sp := s.begun(t)
	*sp.Times = Timings{}
	require.OK(t, sp.Start(smtp.Extensions{}, func() bool { return false }))
	b := sp.Next()
	sp.Ended(b)
	sp.Refused(b.Messages[0], reply(550, "5.7.1", "no"), ByServer)
	require.OK(t, sp.Look())
	sp.Trust.Taken(1)
	given := 0
	for sp.Next() != nil {
		given++
	}
	if given != 1 {
		t.Errorf("the message is given out %d times at once", given)
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
	if !sp.Looks.Changed() || !sp.Looks.NotBefore.Equal(at) {
		t.Errorf("changed %v, not before %v", sp.Looks.Changed(), sp.Looks.NotBefore)
	}
}

// TestSoftBounces: with VODMR_SOFTBOUNCE each refusal defers, and none is about the session.
func TestSoftBounces(t *testing.T) {
	s := threeMails(t)
	s.env["VODMR_SOFTBOUNCE"] = "1"
	sp := s.each(t, func(sp *Spool, _ *Batch, m *Message) {
		no := reply(550, "5.1.1", "no")
		sp.Trust.RefusedAll(no)
		[]func(*Message, smtp.Reply){sp.Trust.RefusedSession, sp.Trust.RefusedSender, func(m *Message, r smtp.Reply) { sp.Refused(m, r, ByServer) }}[number(m)](m, no)
	})
	sp.Trust.DecideSenders()
	if why, _ := sp.Trust.Refusing(); why != "" || sp.Counts.Deferred != 3 || len(s.waiting(t)) != 3 {
		t.Errorf("%q; %+v; %v", why, sp.Counts, s.waiting(t))
	}
}

// TestSenderAfterAnother: once a sender was accepted, the refusal of another is about that
// one. If none was, and the session was refused for another message, it says nothing.
func TestSenderAfterAnother(t *testing.T) {
	for _, accepted := range []bool{true, false} {
		s := threeMails(t)
		s.write(t, "domain/odmr/Maildir/vodmr.notes", "1795336700 taken 1\n")
		sp := s.each(t, func(sp *Spool, _ *Batch, m *Message) {
			switch number(m) {
			case 0:
				if accepted {
					sp.Trust.AcceptedSender()
				} else {
					sp.Trust.RefusedSession(m, reply(530, "5.7.0", "login first"))
				}
			case 1:
				sp.Trust.RefusedSender(m, reply(550, "5.7.1", "not you"))
			}
		})
		sp.Trust.DecideSenders()
		why, _ := sp.Trust.Refusing()
		if left := s.waiting(t); left[name(1)] == accepted || (why == wantsMore) == accepted {
			t.Errorf("accepted %v: %q, left %v", accepted, why, left)
		}
	}
}

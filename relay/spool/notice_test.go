package spool

import (
	"os"
	"strings"
	"testing"

	"vodmr/smtp"
)

// telling is a begun spool that tells the customer, with two messages. The first was refused.
func telling(t *testing.T) (*site, *Spool) {
	s := newSite(t)
	s.env["VODMR_BOUNCE"] = "customer"
	s.write(t, "domain/odmr/Maildir/vodmr.notes", "1795336700 session -\n1795336700 taken 1\n")
	s.put(t, 0, "one")
	s.put(t, 1, "two")
	sp := s.begun(t)
	first := sp.Next()
	sp.Begun(first)
	sp.Write()
	sp.Ended(first)
	sp.Refused(first.Messages[0], smtp.NewReply(550, "5.1.1", "no"), ByServer)
	return s, sp
}

// TestNoticeGoesBeforeMail: the next batch is the notice, and the message that it is about
// stays until it is taken.
func TestNoticeGoesBeforeMail(t *testing.T) {
	s, sp := telling(t)
	b := sp.Next()
	if tx := b.Transaction; !b.Notice() || tx.From != "" || len(tx.To) != 1 || tx.To[0] != "postmaster@example.org" || !strings.Contains(string(tx.Body), "<r0@example.org>:\n") {
		t.Fatalf("%+v", tx)
	}
	sp.Begun(b)
	sp.Ended(b)
	if sp.Notices.Wait() || !s.waiting(t)[name(0)] {
		t.Errorf("before its reply: %v", s.waiting(t))
	}
	sp.Notices.Answered(b, smtp.NewReply(250, "2.0.0", "ok"))
	if s.waiting(t)[name(0)] || sp.Counts.Bounced != 1 || sp.history.Bounces() != 1 {
		t.Errorf("after it: %v, %+v", s.waiting(t), sp.Counts)
	}
	if next := sp.Next(); next.Notice() {
		t.Error("a second notice")
	}
}

// TestNoticeOfWhatIsGone: somebody removed the message before its notice was written.
func TestNoticeOfWhatIsGone(t *testing.T) {
	s, sp := telling(t)
	if err := os.Remove(s.maildir + "/new/" + name(0)); err != nil {
		t.Fatal(err)
	}
	if b := sp.Next(); b == nil || b.Notice() {
		t.Fatalf("%+v, want the other message", b)
	}
	if !sp.Settle() || sp.Counts.Deferred != 0 || sp.Counts.Waiting != 1 || sp.history.Of(name(0)).Tries != 0 || sp.bouncer.sent.waiting != 0 {
		t.Errorf("%+v, %+v", sp.Counts, sp.history.Of(name(0)))
	}
}

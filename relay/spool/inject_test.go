package spool

import (
	"io"
	"testing"

	"vodmr/smtp"
)

// TestBouncesWaitUntilNothingIsInFlight: qmail-queue may take minutes, in which no reply
// is read, so a bounce is not injected while another batch is in flight. A bounce that
// waits is sent even if the session breaks.
func TestBouncesWaitUntilNothingIsInFlight(t *testing.T) {
	for _, breaks := range []bool{false, true} {
		s := newSite(t)
		s.write(t, "domain/odmr/Maildir/vodmr.notes", "1795336700 session -\n1795336700 taken 1\n")
		s.put(t, 0, "one")
		s.put(t, 1, "two")
		sp := s.begun(t)
		injected := 0
		sp.bouncer.Inject = func(string, []string, io.Reader) error { injected++; return nil }
		first, second := sp.Next(), sp.Next()
		sp.Begun(first)
		sp.Begun(second)
		sp.Write()
		sp.Ended(first)
		sp.Refused(first.Messages[0], smtp.NewReply(550, "5.1.1", "no"), ByServer)
		sp.Settle()
		if left := s.waiting(t); injected != 0 || !left[name(0)] {
			t.Fatalf("with mail in flight: %d bounces, left %v", injected, left)
		}
		if breaks {
			sp.Broken()
		} else {
			sp.Ended(second)
			sp.Delivered(second.Messages[0], smtp.NewReply(250, "", "ok"))
		}
		if !sp.Settle() || injected != 1 || s.waiting(t)[name(0)] {
			t.Errorf("then: %d bounces, left %v", injected, s.waiting(t))
		}
		sp.Ended(second)
	}
}

package spool

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vodmr/smtp"
	"vodmr/test/kit/require"
)

// TestNotRemoved: a message that is taken and cannot be removed is noted as done, and only
// removed in the next session.
func TestNotRemoved(t *testing.T) {
	s := newSite(t)
	s.put(t, 0, "taken")
	file := filepath.Join(s.maildir, "new", name(0))
	sp := s.started(t, smtp.Extensions{}, stays)
	b := sp.Next()
	sp.Begun(b)
	sp.Ended(b)
	require.OK(t, os.Remove(file))
	require.OK(t, os.Mkdir(file, 0o700)) // unlink fails
	sp.Delivered(b.Messages[0], reply(250, "2.0.0", "ok"))
	if sp.MustStop || !sp.History().Of(name(0)).Done {
		t.Errorf("it is not noted as done\n%s", s.logged(t))
	}
	sp.Close()
	require.OK(t, os.Remove(file))
	s.put(t, 0, "taken")
	sp = s.started(t, smtp.Extensions{}, stays)
	if b := sp.Next(); b != nil {
		t.Errorf("%+v is sent again", b)
	}
	sp.Settle()
	if len(s.waiting(t)) != 0 {
		t.Errorf("left %v", s.waiting(t))
	}
}

// TestBounces: the notice goes to the sender; of a notice to the double bounces' address;
// of a double bounce nowhere. One without a Received is not proven to be anybody's, so it
// stays and the postmaster is told, once.
func TestBounces(t *testing.T) {
	s := newSite(t)
	s.write(t, "domain/odmr/Maildir/vodmr.notes", "1795336700 taken 1\n")
	s.putRaw(t, 0, "ann@sender.test", "r0@example.org", "\nx\n")
	s.putRaw(t, 1, "", "r1@example.org", "\nx\n")
	s.putRaw(t, 2, "#@[]", "r2@example.org", "\nx\n")
	for i := 3; i < 5; i++ {
		s.write(t, "domain/odmr/Maildir/new/"+name(i), "Return-Path: <ann@sender.test>\nDelivered-To: r3@example.org\nSubject: "+name(i)+"\n\nx\n")
	}
	s.queue(t)
	var sent []string
	sp := s.started(t, smtp.Extensions{}, stays)
	sp.bouncer.Inject = func(from string, to []string, message io.Reader) error {
		_, err := io.Copy(io.Discard, message)
		sent = append(sent, from+" "+strings.Join(to, " "))
		return err
	}
	for b := sp.Next(); b != nil; b = sp.Next() {
		sp.Ended(b)
		for _, m := range b.Messages {
			sp.Refused(m, reply(550, "5.1.1", "no"), ByServer)
		}
	}
	want := " ann@sender.test,#@[] postmaster@mail.provider.test,#@[] postmaster@mail.provider.test"
	if got := strings.Join(sent, ","); got != want || len(s.waiting(t)) != 2 {
		t.Errorf("sent %q, left %v\n%s", got, s.waiting(t), s.logged(t))
	}
	if !strings.Contains(s.logged(t), "nobody to go to") {
		t.Errorf("the dropped double bounce is not logged:\n%s", s.logged(t))
	}
}

// TestHungQueue: a qmail-queue that hangs is asked for one message, and not for each that
// should bounce. The others stay, and the log says so once.
func TestHungQueue(t *testing.T) {
	s := newSite(t)
	s.queue(t)
	s.write(t, "domain/odmr/Maildir/vodmr.notes", "1795336700 taken 1\n")
	for i := range 5 {
		s.put(t, i, name(i))
	}
	sp := s.started(t, smtp.Extensions{}, stays)
	asked, at := 0, now
	sp.bouncer.clock = func() time.Time { return at }
	sp.bouncer.Inject = func(string, []string, io.Reader) error {
		asked++
		at = at.Add(5 * time.Minute)
		return errors.New("qmail-queue timed out")
	}
	refuse := func() {
		for b := sp.Next(); b != nil; b = sp.Next() {
			sp.Ended(b)
			sp.Refused(b.Messages[0], reply(550, "5.1.1", "no"), ByServer)
		}
	}
	refuse()
	if asked != 1 || len(s.waiting(t)) != 5 || strings.Count(s.logged(t), "does not answer") != 1 {
		t.Errorf("asked %d times, %d left\n%s", asked, len(s.waiting(t)), s.logged(t))
	}
	// Once the pause is over it is asked again.
	at = at.Add(hungPause)
	if err := sp.bouncer.mayBounce(); err != nil {
		t.Error(err)
	}
}

// TestBouncesOfASession: a session sends a hundred bounces, the rest stays, and the log
// says so once.
func TestBouncesOfASession(t *testing.T) {
	s := newSite(t)
	s.queue(t)
	s.write(t, "domain/odmr/Maildir/vodmr.notes", "1795336700 taken 1\n")
	for i := range sessionBounces + 3 {
		s.put(t, i, name(i))
	}
	sp := s.started(t, smtp.Extensions{}, stays)
	sp.bouncer.Inject = func(string, []string, io.Reader) error { return nil }
	for b := sp.Next(); b != nil; b = sp.Next() {
		sp.Ended(b)
		sp.Refused(b.Messages[0], reply(550, "5.1.1", "no"), ByServer)
	}
	if sp.Counts.Bounced != sessionBounces || len(s.waiting(t)) != 3 || strings.Count(s.logged(t), "went out in this session") != 1 {
		t.Errorf("%d bounced, %d left\n%s", sp.Counts.Bounced, len(s.waiting(t)), s.logged(t))
	}
}

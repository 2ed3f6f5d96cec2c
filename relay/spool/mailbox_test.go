package spool

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vodmr/internal/logline"
	"vodmr/qmail"
	"vodmr/relay/grant"
	"vodmr/test/kit/require"
)

// queue is the site's queue: its qmail-queue keeps what it takes in the file queued, or
// fails if the file broken is there.
func (s *site) queue(t testing.TB) qmail.Queue {
	t.Helper()
	s.write(t, "qmail/bin/qmail-queue", "#!/bin/sh\n[ ! -e "+s.root+"/broken ] || exit 81\ncat >>"+s.root+"/queued; cat <&1 >/dev/null\n")
	require.OK(t, os.Chmod(filepath.Join(s.root, "qmail/bin/qmail-queue"), 0o755))
	return qmail.Queue{Home: s.root + "/qmail"}
}

// mailbox opens the Maildir as vodmr-expire does, so many days after the first message.
func (s *site) mailbox(t testing.TB, days int) *Mailbox {
	t.Helper()
	home := qmail.OpenHome(s.root + "/qmail")
	m, err := OpenMailbox(Config{
		Log:  logline.New(int(s.log.Fd()), "vodmr-expire", "1"),
		Site: grant.Site{Qmail: home}, Login: "odmr@example.org", Home: s.root + "/domain/odmr", Maildir: "Maildir",
		Now:  func() time.Time { return time.Unix(1795336000, 0).Add(time.Duration(days) * day) },
		Host: "mail.provider.test", Session: "1", Queue: s.queue(t),
	})
	require.OK(t, err)
	t.Cleanup(m.Close)
	return m
}

func (s *site) logged(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(s.log.Name())
	require.OK(t, err)
	return string(text)
}

// TestExpireMailbox: old mail bounces once and is removed; what has no bounce stays; and a
// Maildir that nobody fetched from is refused.
func TestExpireMailbox(t *testing.T) {
	s := newSite(t)
	s.put(t, 0, "old")
	s.put(t, 1, "deferred")
	s.put(t, 2, "broke")
	s.put(t, 3, "done")
	s.write(t, "domain/odmr/Maildir/new/"+name(4), "no envelope\n")
	if err := s.mailbox(t, 8).Expire(false); !errors.Is(err, ErrNoNotes) {
		t.Fatalf("without notes: %v", err)
	}
	s.write(t, "domain/odmr/Maildir/vodmr.notes", "1795336700 kept "+name(1)+" 3 1795336700 451 4.2.0 busy\n"+
		"1795336700 broke "+name(2)+" 2\n1795336700 done "+name(3)+"\n")
	if err := s.mailbox(t, 1).Expire(false); err != nil || len(s.waiting(t)) != 5 {
		t.Fatalf("young: %v, %v", err, s.waiting(t))
	}
	s.write(t, "broken", "")
	m := s.mailbox(t, 8)
	if err := m.Expire(false); err == nil || !strings.Contains(err.Error(), "3 of the messages that should bounce stay") {
		t.Fatalf("without qmail-queue: %v", err)
	}
	m.Close()
	require.OK(t, os.Remove(s.root+"/broken"))
	m = s.mailbox(t, 8)
	require.OK(t, m.ShowExpired(false, logline.New(int(s.log.Fd()), "vodmr-expire", "2")))
	if len(s.waiting(t)) != 4 {
		t.Fatalf("shown: %v", s.waiting(t))
	}
	require.OK(t, m.Expire(false))
	if diff := cmp.Diff(map[string]bool{name(4): true}, s.waiting(t)); diff != "" {
		t.Errorf("left: %s\n%s", diff, s.logged(t))
	}
	queued, err := os.ReadFile(s.root + "/queued")
	require.OK(t, err)
	for _, part := range []string{"after 8 days: the mail server of this domain did not come", "the last time with: 451 4.2.0 busy", "broke each time"} {
		if strings.Count(string(queued), part) != 1 {
			t.Errorf("%q is not there once in\n%s", part, queued)
		}
	}
}

// TestEach: all that waits is listed, oldest first, with its note or the error of its
// envelope, and nothing changes.
func TestEach(t *testing.T) {
	s := newSite(t)
	s.put(t, 1, "second")
	s.put(t, 0, "first")
	s.write(t, "domain/odmr/Maildir/new/"+name(2), "no envelope\n")
	s.write(t, "domain/odmr/Maildir/vodmr.notes", "1795336700 kept "+name(1)+" 3 1795336700 451 4.2.0 busy\n")
	var got []string
	require.OK(t, s.mailbox(t, 8).Each(func(w Waiting) bool {
		got = append(got, strings.Join([]string{w.File, w.Sender, w.Recipient, w.Note.Reply}, " "))
		return len(got) < 10
	}))
	want := []string{"new/" + name(0) + " ann@sender.test r0@example.org ", "new/" + name(1) + " ann@sender.test r1@example.org 451 4.2.0 busy"}
	if len(got) != 3 || cmp.Diff(want, got[:2]) != "" || len(s.waiting(t)) != 3 {
		t.Errorf("%q", got)
	}
}

// TestExpiredOnly: a standing session is only asked to end if something is old, and only
// mail that came by mail for this customer may bounce. A setting that cannot
// be read bounces nothing.
func TestExpiredOnly(t *testing.T) {
	s := newSite(t)
	s.put(t, 0, "old")
	s.write(t, "domain/odmr/Maildir/vodmr.notes", "1795336700 session -\n")
	for days, want := range map[int]bool{1: false, 8: true} {
		m := s.mailbox(t, days)
		control, err := m.mayExpire(false)
		require.OK(t, err)
		if any, err := m.anyExpired(control); any != want || err != nil {
			t.Errorf("after %d days: %v, %v", days, any, err)
		}
	}
	s.write(t, "domain/odmr/Maildir/new/"+name(1), "Return-Path: <ann@sender.test>\nDelivered-To: r1@example.org\nSubject: no Received\n\nx\n")
	s.write(t, "domain/odmr/Maildir/new/"+name(2), "Return-Path: <ann@sender.test>\nDelivered-To: r2@other.example\nReceived: x\n\nx\n")
	m := s.mailbox(t, 8)
	require.OK(t, m.ShowExpired(false, logline.New(int(s.log.Fd()), "vodmr-expire", "2")))
	if log := s.logged(t); strings.Count(log, " skip ") != 2 || strings.Count(log, " expired ") != 1 {
		t.Errorf("shown:\n%s", log)
	}
	_ = m.Expire(false)
	if left := s.waiting(t); left[name(0)] || !left[name(1)] || !left[name(2)] {
		t.Errorf("left %v\n%s", left, s.logged(t))
	}
	m.Close()
	require.OK(t, os.Mkdir(s.root+"/qmail/control/queuelifetime", 0o755))
	if err := s.mailbox(t, 8).Expire(false); err == nil || !strings.Contains(err.Error(), "queuelifetime") {
		t.Errorf("a queuelifetime that cannot be read: %v", err)
	}
	require.OK(t, os.RemoveAll(s.maildir))
	if _, err := OpenMailbox(Config{Login: "odmr@example.org", Home: s.root + "/domain/odmr", Maildir: "Maildir"}); err == nil {
		t.Error("a Maildir that is not there opens")
	}
}

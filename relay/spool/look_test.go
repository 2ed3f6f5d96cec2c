package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vodmr/smtp"
	"vodmr/test/kit/require"
)

// TestSuspectWaits: a suspect is offered in a standing session once a wait is over, which
// doubles with each session that it breaks, up to a day. In any other session it does not
// wait.
func TestSuspectWaits(t *testing.T) {
	for _, test := range []struct {
		breaks  int
		ago     time.Duration
		idle    string
		waiting bool
	}{
		{2, 5*time.Minute - time.Second, "3600", true},
		{2, 5 * time.Minute, "3600", false},
		{2, 0, "", false},
		{5, 40*time.Minute - time.Second, "3600", true},
		{5, 40 * time.Minute, "3600", false},
		{30, 24*time.Hour - time.Second, "3600", true},
		{30, 24 * time.Hour, "3600", false},
	} {
		s := newSite(t)
		s.env["VODMR_IDLE"] = test.idle
		s.put(t, 0, "hi")
		broke := now.Add(-test.ago).Unix()
		s.write(t, "domain/odmr/Maildir/vodmr.notes", fmt.Sprintf("%d broke %s %d\n%[1]d session -\n", broke, name(0), test.breaks))
		sp := s.begun(t)
		for sp.reader.more() {
		}
		if waiting := len(sp.reader.suspects) == 0; waiting != test.waiting || len(sp.retries.retryAt) != 1 && waiting {
			t.Errorf("%d breaks, the last %v ago: waits is %v, want %v", test.breaks, test.ago, waiting, test.waiting)
		}
	}
}

// TestStandingForgets: the memory of a standing session is bounded by what waits.
func TestStandingForgets(t *testing.T) {
	s := newSite(t)
	s.env["VODMR_IDLE"] = "3600"
	for i := range 50 {
		s.put(t, i, "hi")
	}
	sp := s.begun(t)
	for i := range 50 {
		sp.retries.postpone(name(i), time.Hour)
		sp.history.Kept(name(i), "451 later")
	}
	require.OK(t, sp.Look())
	if len(sp.retries.retryAt) != 50 || sp.reader.list.Len() != 0 || sp.Counts.Waiting != 50 {
		t.Errorf("%d postponed, %d listed, %d wait; want 50, 0, 50", len(sp.retries.retryAt), sp.reader.list.Len(), sp.Counts.Waiting)
	}
	for i := range 49 {
		require.OK(t, os.Remove(filepath.Join(s.maildir, "new", name(i))))
	}
	require.OK(t, sp.Look())
	if len(sp.retries.retryAt) != 1 || sp.Counts.Waiting != 1 || sp.history.Of(name(0)).Tries != 0 || sp.history.Of(name(49)).Tries != 1 {
		t.Errorf("%d postponed, %d wait, notes %+v and %+v", len(sp.retries.retryAt), sp.Counts.Waiting,
			sp.history.Of(name(0)), sp.history.Of(name(49)))
	}
	sp.retries.postpone(name(49), -time.Second)
	require.OK(t, sp.Look())
	if sp.reader.list.Len() != 1 || sp.Counts.Waiting != 1 {
		t.Errorf("due again: %d listed, %d wait; want 1, 1", sp.reader.list.Len(), sp.Counts.Waiting)
	}
}

// TestStandingRecovers: limits that trouble has set are taken back once it is over.
func TestStandingRecovers(t *testing.T) {
	s := newSite(t)
	s.env["VODMR_IDLE"] = "3600"
	sp := s.begun(t)
	require.OK(t, sp.Start(smtp.Extensions{RcptMax: 50}, func() bool { return false }))
	sp.LimitRecipients(10) // as after 452
	sp.noteTrouble(errors.New("no space"))
	require.OK(t, sp.Look())
	if sp.reader.rcptMax != 50 || sp.NotesFailed {
		t.Errorf("%d recipients a transaction, want 50; the notes failed: %v", sp.reader.rcptMax, sp.NotesFailed)
	}
}

// TestRetryWait: twice as long each time, up to a bound.
func TestRetryWait(t *testing.T) {
	r := &retryTimes{timings: StandardTimings()}
	for tries, want := range []time.Duration{5, 5, 10, 20, 40, 60, 60} {
		if got := r.retryWait(tries); got != want*time.Minute {
			t.Errorf("after %d tries: %v, want %v", tries, got, want*time.Minute)
		}
	}
}

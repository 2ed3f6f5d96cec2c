package spool

import (
	"testing"
	"time"

	"vodmr/smtp"
	"vodmr/test/kit/require"
)

// TestUnfinishedScan: a Maildir that takes too long to list may hold mail; the rest of it is
// listed once the roles have turned.
func TestUnfinishedScan(t *testing.T) {
	s := newSite(t)
	for i := range 3 {
		s.put(t, i, name(i))
	}
	sp, end := s.open(t, func() time.Time { return now })
	defer end()
	require.OK(t, sp.Scan(time.Now().Add(-time.Second)))
	if may, err := sp.MayWait(time.Now()); !sp.unfinished || !may || err != nil {
		t.Fatalf("may wait: %v, %v", may, err)
	}
	require.OK(t, sp.Start(smtp.Extensions{}, stays))
	given := 0
	for b := sp.Next(); b != nil; b = sp.Next() {
		sp.Ended(b)
		given++
	}
	sp.End()
	if given != 3 {
		t.Errorf("%d of 3 messages are given out", given)
	}
}

// TestTooSoon: VODMR_INTERVAL counts from the last clean end, unless that lies in the future,
// where a clock that was a year ahead has put it.
func TestTooSoon(t *testing.T) {
	for ended, soon := range map[string]bool{"1795339990": true, "1795330000": false, "1826875990": false} {
		s := newSite(t)
		s.env["VODMR_INTERVAL"] = "600"
		s.put(t, 0, "mail")
		s.write(t, "domain/odmr/Maildir/vodmr.notes", ended+" session -\n")
		sp, end := s.open(t, func() time.Time { return now })
		if sp.TooSoon() != soon {
			t.Errorf("after an end at %s: too soon %v", ended, !soon)
		}
		end()
	}
}

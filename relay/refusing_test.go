package relay

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/customer"
	"vodmr/test/kit/require"
)

// refuser is a server that refuses each recipient but those that it likes.
func refuser(likes func(to string) bool) *customer.Server {
	return &customer.Server{Pipelining: true, Chunking: true, Rcpt: func(to string) string {
		if likes(to) {
			return ""
		}
		return "550 5.1.1 no such user"
	}}
}

func (s *site) putMany(t testing.TB, from, n int) {
	for i := from; i < from+n; i++ {
		s.put(t, i, fmt.Sprint("message ", i), 50)
	}
}

func (s *site) bounces(t testing.TB) int {
	envelopes, _ := s.queued(t)
	return strings.Count(envelopes, "\n")
}

// TestRefusesEverything: a server that took mail before and then refuses all: ten
// messages bounce, the rest stays, session after session; a day later it bounces.
func TestRefusesEverything(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.write(t, "maildir/vodmr.notes", "1795336700 taken 1\n")
	s.putMany(t, 0, 40)
	server := refuser(func(string) bool { return false })
	for session := range 3 {
		require.OK(t, s.session(t, server))
		if s.bounces(t) != 10 || s.waiting(t) != 30 {
			t.Fatalf("session %d: %d bounced and %d wait, want 10 and 30", session, s.bounces(t), s.waiting(t))
		}
	}
	s.config["later"] = (25 * time.Hour).String()
	require.OK(t, s.session(t, server))
	if s.bounces(t) != 40 || s.waiting(t) != 0 {
		t.Errorf("a day later: %d bounced and %d wait, want all to bounce", s.bounces(t), s.waiting(t))
	}
	if n := strings.Count(s.log(t), " refusing "); n != 4 {
		t.Errorf("%d sessions say that the server refuses everything, want 4:\n%s", n, s.log(t))
	}
}

// TestManyUnknownRecipients: unknown recipients by the dozen, as after a dictionary
// attack, do not keep back what the server takes, nor do their messages stay.
func TestManyUnknownRecipients(t *testing.T) {
	for _, notes := range []string{"1795336700 taken 1\n", "1795336700 taken 0\n"} {
		s := newSite(t, standardSite(t))
		s.write(t, "maildir/vodmr.notes", notes)
		s.putMany(t, 0, 60)
		taken := 0
		server := refuser(func(to string) bool { return to == recipient(59) })
		server.Take = func(string, []string, []byte) { taken++ }
		require.OK(t, s.session(t, server))
		if taken != 1 || s.bounces(t) != 59 || s.waiting(t) != 0 {
			t.Errorf("%q: %d taken, %d bounced, %d wait", notes, taken, s.bounces(t), s.waiting(t))
		}
		if strings.Contains(s.log(t), " refusing ") {
			t.Errorf("%q: a server that took one is said to refuse everything", notes)
		}
	}
}

// TestRefuserIsOfferedSomeOnly: a server that is not trusted is not offered everything.
func TestRefuserIsOfferedSomeOnly(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.putMany(t, 0, 100+50)
	asked := 0
	server := refuser(func(string) bool { return false })
	server.Heard = func(line string) {
		if strings.HasPrefix(line, "MAIL") {
			asked++
		}
	}
	require.OK(t, s.session(t, server))
	if asked < 100 || asked > 100+5 || s.bounces(t) != 0 || s.waiting(t) != 100+50 {
		t.Errorf("%d offered, %d bounced, %d wait", asked, s.bounces(t), s.waiting(t))
	}
	asked = 0
	require.OK(t, s.session(t, server)) // what is new goes first
	if !strings.Contains(s.log(t), "file=new/1795336149.149.vm") {
		t.Error("the second session did not offer what the first did not")
	}
}

// TestOrdinaryRefusalsBounceAtOnce: a server that took mail and refuses each third.
func TestOrdinaryRefusalsBounceAtOnce(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.write(t, "maildir/vodmr.notes", "1795336700 taken 1\n")
	s.putMany(t, 0, 30)
	asked := 0
	server := refuser(func(string) bool { asked++; return asked%3 != 0 })
	require.OK(t, s.session(t, server))
	if s.bounces(t) != 10 || asked != 30 || strings.Contains(s.log(t), " deferral ") {
		t.Errorf("%d bounced, %d asked:\n%s", s.bounces(t), asked, s.log(t))
	}
}

// TestFewUnknownAtFirst: of a server that never took a message, one or two unknown
// recipients are believed at the session's end, and no more, however much is in flight.
func TestFewUnknownAtFirst(t *testing.T) {
	for _, mode := range []customer.Server{{}, {Pipelining: true}, {Pipelining: true, Chunking: true}} {
		for unknown := 1; unknown <= 5; unknown++ {
			s := newSite(t, standardSite(t))
			s.putMany(t, 0, unknown)
			server := refuser(func(string) bool { return false })
			server.Pipelining, server.Chunking = mode.Pipelining, mode.Chunking
			require.OK(t, s.session(t, server))
			want := unknown
			if unknown > 2 {
				want = 0
			}
			if s.bounces(t) != want || s.waiting(t) != unknown-want {
				t.Errorf("pipelining %v, chunking %v, %d unknown: %d bounced, %d wait\n%s",
					mode.Pipelining, mode.Chunking, unknown, s.bounces(t), s.waiting(t), s.log(t))
			}
		}
	}
}

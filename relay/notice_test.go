package relay

import (
	"fmt"
	"math/rand"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/customer"
	"vodmr/test/kit/require"
)

// tellingSite is a site without qmail, which tells the customer's postmaster.
func tellingSite(t testing.TB) *site {
	s := newSite(t, standardSite(t))
	s.config["VODMR_BOUNCE"] = "customer"
	require.OK(t, os.RemoveAll(s.root+"/qmail/bin"))
	return s
}

const postmaster = "postmaster@example.org"

var noticeAbout = regexp.MustCompile(`(?m)^<(r[0-9]+@example\.org)>:\r$`)

// aboutWhom returns the recipient that a notice is about.
func aboutWhom(t testing.TB, content []byte) string {
	t.Helper()
	m := noticeAbout.FindSubmatch(content)
	if m == nil || !strings.Contains(string(content), "\r\nTo: <"+postmaster+">\r\n") {
		t.Fatalf("this is no notice:\n%s", content)
	}
	return string(m[1])
}

// refusingSome takes what is for each third recipient and for the postmaster, counts the
// notices, and refuses all else for good.
func refusingSome(t testing.TB, notices map[string]int) *customer.Server {
	server := refusing()
	refuse := server.Rcpt
	server.Rcpt = func(rcpt string) string {
		if strings.Trim(rcpt, "<>") == postmaster {
			return ""
		}
		return refuse(rcpt)
	}
	server.Take = func(from string, to []string, content []byte) {
		if to[0] == postmaster {
			if strings.Trim(from, "<>") != "" {
				t.Errorf("the notice is from %s", from)
			}
			notices[aboutWhom(t, content)]++
		}
	}
	return server
}

// TestNoticesAreBounded: a session tells the customer of 100 messages at most, a mailbox of 1000 a
// day. The rest waits, each message is told of once, and one line of the log says so.
func TestNoticesAreBounded(t *testing.T) {
	for _, test := range []struct {
		count, messages, bound int
		why                    string
	}{
		{0, 180, 100, "100 bounces went out in this session"},
		{0, 90, 60, ""},
		{950, 180, 50, "1000 bounces of this mailbox went out within a day"},
		{1000, 30, 0, "1000 bounces of this mailbox went out within a day"},
	} {
		for name, mode := range modes() {
			t.Run(fmt.Sprint(name, test), func(t *testing.T) {
				s := tellingSite(t)
				s.writeCount(t, test.count, 10)
				for i := range test.messages {
					s.put(t, i, fmt.Sprint("message ", i), 50)
				}
				notices := map[string]int{}
				server := refusingSome(t, notices)
				server.Pipelining, server.Chunking = mode.Pipelining, mode.Chunking
				require.OK(t, s.session(t, server))
				left := test.messages - test.messages/3 - test.bound
				if len(notices) != test.bound || s.waiting(t) != left {
					t.Errorf("%d notices, %d left; want %d and %d", len(notices), s.waiting(t), test.bound, left)
				}
				for about, times := range notices {
					if times != 1 {
						t.Errorf("%d notices about %s", times, about)
					}
				}
				if log := s.log(t); strings.Count(log, " error ") > 1 || !strings.Contains(log, test.why) {
					t.Errorf("want %q once:\n%s", test.why, log)
				}
			})
		}
	}
}

// TestExpireLeavesNoticesToTheSession: vodmr-expire has nobody to tell. The message stays, the
// log says why, once, and that is nothing to try again.
func TestExpireLeavesNoticesToTheSession(t *testing.T) {
	s := expirySite(t, "")
	s.config["VODMR_BOUNCE"] = "customer"
	s.mail(t, 0, "old", "ann@sender.test")
	log, err := s.expire(t, false)
	if envelopes, _ := s.queued(t); err != nil || s.waiting(t) != 1 || envelopes != "" || !strings.Contains(log, "only a session can tell the customer") {
		t.Errorf("%v, %d left, bounces %q\n%s", err, s.waiting(t), envelopes, log)
	}
	if log, err := s.expire(t, false); err != nil || log != "" {
		t.Errorf("the second time: %v\n%s", err, log)
	}
}

// A telling is a turmoil with VODMR_BOUNCE=customer.
type telling struct {
	*turmoil
	notices map[string]int // notices, by the recipient that they are about, to which the customer said yes
}

// session runs a session with a customer that refuses, hangs up and falls silent at random, or
// with one that takes all.
func (u *telling) session(t *testing.T, bad bool) {
	t.Helper()
	if u.site.waiting(t) == 0 {
		return
	}
	server := customer.Server{Pipelining: u.r.Intn(2) > 0, Chunking: u.r.Intn(2) > 0}
	if bad {
		server.Mail = func(string) string { return u.reply(12) }
		server.Rcpt = func(string) string { return u.reply(3) }
		server.Content = func(string, []string) string { return u.reply(8) }
		server.CloseAfter = u.r.Intn(2 * u.messages)
		if server.CloseAfter > 0 && u.r.Intn(2) > 0 {
			server.MuteFrom = 1 + u.r.Intn(server.CloseAfter)
		}
	}
	taken := 0
	server.Take = func(_ string, to []string, content []byte) {
		if taken++; server.MuteFrom > 0 && taken >= server.MuteFrom {
			require.OK(t, u.conn.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
			return // without a yes
		}
		for _, r := range to {
			if r == postmaster {
				u.notices[aboutWhom(t, content)]++
			} else {
				u.answered[r]++
			}
		}
	}
	_ = u.turn(t, func(conn net.Conn) error {
		u.conn = conn
		_, err := server.Serve(conn)
		return err
	})
}

// TestInvariant1LeavesOnlyAfterYesToItsNotice: a message leaves the Maildir only after the
// customer's 2xx to its content, or to the notice about it.
func TestInvariant1LeavesOnlyAfterYesToItsNotice(t *testing.T) {
	all := 0
	eachSeed(t, 12, func(t *testing.T, r *rand.Rand) {
		u := &telling{newTurmoil(t, r), map[string]int{}}
		u.config["VODMR_BOUNCE"] = "customer"
		u.write(t, "maildir/vodmr.notes", "1795336000 taken 1\n1795336000 session -\n")
		for session := range 8 {
			u.session(t, session < 6)
			for i := range u.messages {
				to := recipient(i)
				yes := u.answered[to] + u.notices[to]
				if stays := u.waiting(to); stays == (yes > 0) || yes > 1 {
					t.Errorf("after session %d %s waits: %v, taken with a yes %d times, told of %d times", session, to, stays, u.answered[to], u.notices[to])
				}
			}
		}
		if envelopes, _ := u.queued(t); u.site.waiting(t) > 0 || envelopes != "" {
			t.Errorf("qmail-queue got %q, and after two sessions without trouble there are still\n%s", envelopes, u.left(t))
		}
		all += len(u.notices)
	})
	if all == 0 {
		t.Error("no notice was sent in any session")
	}
}

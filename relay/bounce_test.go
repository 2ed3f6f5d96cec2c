package relay

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vodmr/test/kit/customer"
	"vodmr/test/kit/require"
)

// refusing takes what is for each third recipient, and refuses all others for good.
func refusing() *customer.Server {
	return &customer.Server{Rcpt: func(rcpt string) string {
		var n int
		if _, err := fmt.Sscanf(strings.TrimPrefix(rcpt, "<"), "r%d@", &n); err == nil && n%3 == 0 {
			return ""
		}
		return "550 5.1.1 no such user"
	}}
}

// writeCount notes how many bounces went out, so many seconds before now.
func (s *site) writeCount(t *testing.T, count, before int) {
	t.Helper()
	s.write(t, "maildir/vodmr.notes", fmt.Sprintf("%d bounced %d\n%d session -\n", now.Unix()-int64(before), count, now.Unix()-100))
}

// TestBouncesAreBounded: a session sends 100 bounces at most, a mailbox 1000 a day. The
// rest waits, and one line of the log says so.
func TestBouncesAreBounded(t *testing.T) {
	const day = 86400
	for _, test := range []struct {
		count, before   int // in the notes
		messages, bound int
		why             string
	}{
		{0, 0, 180, 100, "100 bounces went out in this session"},
		{0, 0, 150, 100, ""}, // a hundred are refused
		{950, day - 1, 180, 50, "1000 bounces of this mailbox went out within a day"},
		{1000, 0, 30, 0, "1000 bounces of this mailbox went out within a day"},
		{1000, day, 30, 20, ""},
		{1000, -5, 30, 20, ""}, // a day that begins in the future is none
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			s := newSite(t, standardSite(t))
			s.writeCount(t, test.count, test.before)
			for i := range test.messages {
				s.put(t, i, fmt.Sprint("message ", i), 50)
			}
			require.OK(t, s.session(t, refusing()))
			envelopes, _ := s.queued(t)
			left := test.messages - test.messages/3 - test.bound
			if got := strings.Count(envelopes, "\n"); got != test.bound || s.waiting(t) != left {
				t.Errorf("%d bounces, %d left; want %d and %d", got, s.waiting(t), test.bound, left)
			}
			log := s.log(t)
			lines := 1
			if test.why == "" {
				lines = 0
			}
			if strings.Count(log, " error ") != lines || !strings.Contains(log, test.why) {
				t.Errorf("want %d error lines with %q:\n%s", lines, test.why, log)
			}
		})
	}
}

// TestDeletedBeforeItsBounce: a message that somebody deletes while it is refused is no trouble, and
// nobody is told of it.
func TestDeletedBeforeItsBounce(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.fill(t, 2)
	server := &customer.Server{Rcpt: func(rcpt string) string {
		if !strings.HasPrefix(rcpt, "r1@") {
			return ""
		}
		_ = os.Remove(filepath.Join(s.maildir, "new/1795336001.1.vm"))
		return "550 5.1.1 no such user"
	}}
	require.OK(t, s.session(t, server))
	envelopes, _ := s.queued(t)
	if log := s.log(t); envelopes != "" || strings.Contains(log, " error ") || !strings.Contains(log, " skip file=new/1795336001.1.vm reason=gone\n") ||
		!strings.Contains(log, " bounced=0 deferred=0 stays=0 ") {
		t.Errorf("%s%s", envelopes, log)
	}
}

// TestBouncesOfTwoSessionsCountTogether: the day's count outlives the session, and the
// rewriting of the notes.
func TestBouncesOfTwoSessionsCountTogether(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.writeCount(t, 990, 10)
	for session, want := range []int{6, 10} {
		for i := range 9 {
			s.put(t, 100*session+i+2*session, fmt.Sprint("message ", session, i), 50) // the first is taken
		}
		require.OK(t, s.session(t, refusing()))
		envelopes, _ := s.queued(t)
		if got := strings.Count(envelopes, "\n"); got != want {
			t.Errorf("%d bounces after session %d, want %d", got, session, want)
		}
	}
}

// TestExpireKeepsToTheBounds: so does vodmr-expire, each time for each mailbox.
func TestExpireKeepsToTheBounds(t *testing.T) {
	s := expirySite(t, "")
	for i := range 150 {
		s.put(t, i, fmt.Sprint("message ", i), 50)
	}
	log, err := s.expire(t, false)
	if err == nil || !strings.Contains(err.Error(), "100 bounces") || s.waiting(t) != 50 || strings.Count(log, " expired ") != 100 {
		t.Errorf("%v, %d left, want 50\n%s", err, s.waiting(t), log)
	}
	if _, err := s.expire(t, false); err != nil || s.waiting(t) != 0 {
		t.Errorf("the second time: %v, %d left", err, s.waiting(t))
	}
	s.write(t, "maildir/vodmr.notes", fmt.Sprintf("%d bounced 995\n", now.Unix()+10*86400))
	for i := range 20 {
		s.put(t, i, fmt.Sprint("message ", i), 50)
	}
	if _, err := s.expire(t, false); err == nil || !strings.Contains(err.Error(), "within a day") || s.waiting(t) != 15 {
		t.Errorf("the day's bound: %v, %d left, want 15", err, s.waiting(t))
	}
}

// TestExpireKeepsWhatIsUnproven: what may never have come by mail stays, is logged once,
// and is nothing to try again; what stands behind it bounces.
func TestExpireKeepsWhatIsUnproven(t *testing.T) {
	s := expirySite(t, "")
	for i := range 2 * 10 {
		s.write(t, fmt.Sprintf("new/%d.u%d.vm", 1795336000+i, i), "Return-Path: <victim@a.test>\nDelivered-To: bob@example.org\nSubject: buy\n\nbody\n")
	}
	s.mail(t, 0, "never", "ann@sender.test")
	log, err := s.expire(t, false)
	envelopes, _ := s.queued(t)
	if err != nil || envelopes != "<#@[]> -> <postmaster@mail.provider.test>\n<> -> <ann@sender.test>\n" || s.waiting(t) != 2*10 {
		t.Errorf("%v, %d left, bounces\n%s", err, s.waiting(t), envelopes)
	}
	if got := strings.Count(log, " skip "); got != 2*10 || !strings.Contains(log, "no Received stands below") {
		t.Errorf("%d skipped\n%s", got, log)
	}
	if log, err := s.expire(t, false); log != "" || err != nil {
		t.Errorf("a second time: %v\n%s", err, log)
	}
	if second, _ := s.queued(t); second != envelopes {
		t.Errorf("the second time these went out:\n%s", second)
	}
}

// TestEachNoticeHasItsMessageID: also those of one second, and of copies of one message;
// a notice that is sent again has the same.
func TestEachNoticeHasItsMessageID(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.fillCopies(t, 0, 30)
	require.OK(t, s.session(t, refusing()))
	ids := s.noticeIDs(t)
	if len(ids) != 20 {
		t.Errorf("%d different Message-IDs in 20 notices", len(ids))
	}
	require.OK(t, os.RemoveAll(filepath.Join(s.root, "qmail/queue")))
	require.OK(t, os.Mkdir(filepath.Join(s.root, "qmail/queue"), 0o755))
	s.fillCopies(t, 0, 30) // as if the machine had crashed before they were removed
	require.OK(t, s.session(t, refusing()))
	for id := range s.noticeIDs(t) {
		if !ids[id] {
			t.Errorf("the second notice has another Message-ID: %s", id)
		}
	}
}

// noticeIDs collects the Message-IDs of what qmail-queue got.
func (s *site) noticeIDs(t *testing.T) map[string]bool {
	t.Helper()
	_, messages := s.queued(t)
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^Message-ID: <([0-9]+\.[0-9a-z]+\.vodmr)@mail\.provider\.test>$`).FindAllStringSubmatch(messages, -1) {
		ids[m[1]] = true
	}
	return ids
}

// TestNoticeNamesTheCharsetOfItsMessage: of what is copied, by way of a file.
func TestNoticeNamesTheCharsetOfItsMessage(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                             "",
		"gr\u00fc\u00dfe":                   "Content-Type: text/plain; charset=utf-8\n",
		"gr\xfc\xdfe":                       "Content-Type: text/plain; charset=unknown-8bit\n",
		strings.Repeat("x", 70000) + "\xfc": "", // beyond bouncemaxbytes
	} {
		s := newSite(t, standardSite(t))
		s.put(t, 0, "first", 50)
		s.put(t, 1, text, 50)
		require.OK(t, s.session(t, refusing()))
		_, messages := s.queued(t)
		header, _, _ := strings.Cut(messages, "\n\n")
		if got := strings.Contains(header, "Content-Type"); got != (want != "") || !strings.Contains(header+"\n", want) {
			t.Errorf("%.20q:\n%s", text, header)
		}
	}
}

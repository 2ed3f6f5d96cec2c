package relay

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vodmr/internal/logline"
	"vodmr/relay/spool"
	"vodmr/test/kit/require"
)

// expirySite has a Maildir of which some is older than a week, and notes of a session
// that ended in order.
func expirySite(t testing.TB, notes string) *site {
	s := newSite(t, standardSite(t))
	s.config["later"] = "240h"
	s.write(t, "maildir/vodmr.notes", notes+"1795336700 session -\n")
	return s
}

// mail writes a message that is n seconds younger than the dialogues' first.
func (s *site) mail(t testing.TB, n int, name, sender string) {
	text := fmt.Sprintf("Return-Path: <%s>\nDelivered-To: %s@example.org\nReceived: x\nSubject: %[2]s\n\nbody\n", sender, name)
	s.write(t, fmt.Sprintf("new/%d.%s.vm", 1795336645+n, name), text)
}

const nineDays = 9 * 86400

// expire runs Expire and returns what it logged this time.
func (s *site) expire(t *testing.T, force bool) (log string, err error) {
	t.Helper()
	_ = os.Remove(filepath.Join(s.root, "log"))
	m := s.mailbox(t)
	err = m.Expire(force)
	m.Close()
	return s.log(t), err
}

// TestExpire: what is older than queuelifetime comes back to its sender, with what is
// known of it; what is younger stays, and so does what nobody sent.
func TestExpire(t *testing.T) {
	s := expirySite(t, "1795336700 kept 1795336646.deferred.vm 3 1795336700 451 4.2.0 mailbox busy\n"+
		"1795336700 broke 1795336647.breaks.vm 2\n"+
		"1795336700 done 1795336650.taken.vm\n"+
		"1795336700 kept 1795336655.noreply.vm 1 1795336700 \n")
	s.mail(t, 0, "never", "ann@sender.test")
	s.mail(t, 1, "deferred", "ann@sender.test")
	s.mail(t, 2, "breaks", `"a b"@sender.test`)
	s.mail(t, 3, "bounce", "")
	s.mail(t, 4, "double", "#@[]")
	s.mail(t, 5, "taken", "ann@sender.test")
	s.write(t, "new/1795336651.odd.vm", "no envelope\n")
	s.mail(t, 10, "noreply", "ann@sender.test")
	s.mail(t, nineDays, "young", "ann@sender.test")

	log, err := s.expire(t, false)
	require.OK(t, err)
	if diff := cmp.Diff("new/1795336651.odd.vm\nnew/1796114245.young.vm\n", s.left(t)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	envelopes, messages := s.queued(t)
	want := "<#@[]> -> <postmaster@mail.provider.test>\n<> -> <a b@sender.test>\n" +
		strings.Repeat("<> -> <ann@sender.test>\n", 3)
	if diff := cmp.Diff(want, envelopes); diff != "" {
		t.Errorf("bounces (-want +got):\n%s", diff)
	}
	for _, line := range []string{
		"<never@example.org>:",
		"it was too old after 10 days: the mail server of this domain did not come to fetch it",
		"it was too old after 10 days: it was deferred, the last time with: 451 4.2.0 mailbox busy",
		"it was too old after 10 days: the connection to the mail server of this domain broke each time that it was sent",
		"it was too old after 10 days: the mail server of this domain deferred it",
		"Subject: never",
	} {
		if !strings.Contains(messages, "\n"+line+"\n") {
			t.Errorf("no line %q in\n%s", line, messages)
		}
	}
	s.config["later"] = "240h"
	matchLog(t, `expired file=new/1795336645.never.vm from=<ann@sender.test> to=<never@example.org> bytes=33 reason="it was too old *"
bounce file=new/1795336645.never.vm from=<ann@sender.test> to=<never@example.org> bytes=33 sentto=<ann@sender.test>
expired file=new/1795336646.deferred.vm * reason="*451 4.2.0 mailbox busy"
bounce file=new/1795336646.deferred.vm *
expired file=new/1795336647.breaks.vm *
bounce file=new/1795336647.breaks.vm from="<\"a b\"@sender.test>" * sentto="<\"a b\"@sender.test>"
expired file=new/1795336648.bounce.vm from=<> *
bounce file=new/1795336648.bounce.vm from=<> * sentto=<postmaster@mail.provider.test>
expired file=new/1795336649.double.vm *
bounce file=new/1795336649.double.vm * reason="dropped: a double bounce has nobody to go to"
skip file=new/1795336651.odd.vm reason="no envelope: *"
expired file=new/1795336655.noreply.vm *
bounce file=new/1795336655.noreply.vm *
`, log)
	if log, err := s.expire(t, false); log != "" || err != nil {
		t.Errorf("a second time: %v\n%s", err, log)
	}
	if !strings.Contains(s.readNotes(t), "1795336700 session -\n") {
		t.Errorf("this passes for a session that fetched mail: VODMR_INTERVAL would count from it")
	}
}

// TestExpireKeepsTheLifetime: control/queuelifetime counts, to the second.
func TestExpireKeepsTheLifetime(t *testing.T) {
	for lifetime, left := range map[string]int{"3355": 0, "3354": 0, "3356": 1} {
		s := expirySite(t, "")
		s.config["later"] = "1s" // 3356 s after the message
		s.mail(t, 0, "one", "ann@sender.test")
		s.write(t, "qmail/control/queuelifetime", lifetime+"\n")
		_, err := s.expire(t, false)
		require.OK(t, err)
		if s.waiting(t) != left {
			t.Errorf("queuelifetime %s: %d left, want %d", lifetime, s.waiting(t), left)
		}
	}
}

// TestExpireWithoutNotes: a path that is mistyped must not bounce somebody's inbox, nor
// leave anything in it.
func TestExpireWithoutNotes(t *testing.T) {
	s := expirySite(t, "")
	require.OK(t, os.Remove(filepath.Join(s.maildir, "vodmr.notes")))
	s.mail(t, 0, "inbox", "ann@sender.test")
	if _, err := s.expire(t, false); !errors.Is(err, spool.ErrNoNotes) {
		t.Errorf("Expire: %v", err)
	}
	if err := s.mailbox(t).ShowExpired(false, logline.New(2, "x", "x")); !errors.Is(err, spool.ErrNoNotes) {
		t.Errorf("ShowExpired: %v", err)
	}
	if names, _ := filepath.Glob(s.maildir + "/vodmr*"); len(names) != 0 || s.waiting(t) != 1 {
		t.Errorf("there are %q, and %d messages", names, s.waiting(t))
	}
	if _, err := s.expire(t, true); err != nil || s.waiting(t) != 0 {
		t.Errorf("forced: %v, %d left", err, s.waiting(t))
	}
}

// TestExpireQueueFails: what qmail-queue does not take stays, and what is known of it
// stays as it was: the customer's server was not asked.
func TestExpireQueueFails(t *testing.T) {
	notes := "1795336700 broke 1795336000.0.vm 2\n1795336700 kept 1795336001.1.vm 1 1795336700 450 x\n"
	for _, test := range []struct {
		script         string
		messages, left int
		want           string
	}{
		{"exit 53", 3, 3, "3 of the messages that should bounce stay"},
		{"exit 53", 30, 30, "10 bounces in a row failed"},
		{"cat >/dev/null; kill -9 $$", 2, 2, "2 of the messages that should bounce stay"},
		{"if grep -q 'Subject: message 17'; then exit 31; fi; cat <&1 >/dev/null", 30, 1, "1 of the messages that should bounce stay"},
	} {
		archive := standardSite(t)
		s := newSite(t, archive)
		require.OK(t, os.Remove(filepath.Join(s.root, "qmail/bin/qmail-queue")))
		require.OK(t, os.WriteFile(filepath.Join(s.root, "qmail/bin/qmail-queue"), []byte("#!/bin/sh\n"+test.script+"\n"), 0o755))
		s.config["later"] = "240h"
		s.write(t, "maildir/vodmr.notes", notes)
		s.fill(t, test.messages)
		log, err := s.expire(t, false)
		if err == nil || !strings.Contains(err.Error(), test.want) || s.waiting(t) != test.left {
			t.Errorf("%s: %v, %d left; log\n%s", test.script, err, s.waiting(t), log)
		}
		got, err := os.ReadFile(filepath.Join(s.maildir, "vodmr.notes"))
		if err != nil || withoutBounced(string(got)) != notes {
			t.Errorf("%s: the notes became %q, %v", test.script, got, err)
		}
	}
}

// withoutBounced leaves the count of bounces out of notes.
func withoutBounced(notes string) string {
	var kept strings.Builder
	for line := range strings.Lines(notes) {
		if !strings.Contains(line, " bounced ") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// TestExpireWithoutQmail: nothing is lost if nobody can take a bounce.
func TestExpireWithoutQmail(t *testing.T) {
	s := expirySite(t, "")
	s.mail(t, 0, "one", "ann@sender.test")
	require.OK(t, os.RemoveAll(filepath.Join(s.root, "qmail")))
	log, err := s.expire(t, false)
	if err == nil || s.waiting(t) != 1 || !strings.Contains(log, "there is no qmail here") {
		t.Errorf("%v, %d left\n%s", err, s.waiting(t), log)
	}
}

// TestExpireMendsNotes: torn at any byte, the lines before count; rubbish is told and
// replaced. Neither is a reason to stop.
func TestExpireMendsNotes(t *testing.T) {
	first := "1795336700 session 1\n1795336700 kept 1795336645.one.vm 2 1795336700 452 full\n"
	last := "1795336700 kept 1795336646.two.vm 3 1795336700 450 later\n"
	for cut := 0; cut < len(last); cut += 5 {
		s := expirySite(t, "")
		s.write(t, "maildir/vodmr.notes", first+last[:cut])
		s.mail(t, 0, "one", "ann@sender.test")
		s.mail(t, 1, "two", "ann@sender.test")
		s.mail(t, nineDays, "young", "ann@sender.test")
		log, err := s.expire(t, false)
		_, messages := s.queued(t)
		if err != nil || s.waiting(t) != 1 || !strings.Contains(messages, "the last time with: 452 full\n") || strings.Contains(messages, ": 450") {
			t.Errorf("cut at %d: %v, %d left\n%s%s", cut, err, s.waiting(t), log, messages)
		}
		if text, _ := os.ReadFile(filepath.Join(s.maildir, "vodmr.notes")); !strings.HasSuffix(string(text), "\n") {
			t.Errorf("cut at %d: still torn: %q", cut, text)
		}
	}
	for _, rubbish := range []string{"rubbish\n", "rubbish", "\x00\x00\x00\x00", strings.Repeat("x", 10<<10)} {
		s := expirySite(t, "")
		s.write(t, "maildir/vodmr.notes", rubbish)
		s.mail(t, 0, "one", "ann@sender.test")
		log, err := s.expire(t, false)
		if err != nil || s.waiting(t) != 0 || !strings.Contains(log, "it holds no notes") {
			t.Errorf("%.10q: %v, %d left\n%s", rubbish, err, s.waiting(t), log)
		}
		if log, err = s.expire(t, false); log != "" || err != nil {
			t.Errorf("%.10q, again: %v\n%s", rubbish, err, log)
		}
	}
}

// TestLockThatIsNone: what stands in the lock's place is quarantined, logged, and no reason
// to stop.
func TestLockThatIsNone(t *testing.T) {
	s := expirySite(t, "")
	s.mail(t, 0, "one", "ann@sender.test")
	require.OK(t, os.Mkdir(filepath.Join(s.maildir, "vodmr.lock"), 0o700))
	log, err := s.expire(t, false)
	if err != nil || s.waiting(t) != 0 || !strings.Contains(log, "error file=vodmr.lock reason=\"it was no regular file") {
		t.Errorf("%v, %d left\n%s", err, s.waiting(t), log)
	}
}

// TestShowExpired: what would bounce is named with the reason, oldest first, and
// nothing at all is changed.
func TestShowExpired(t *testing.T) {
	s := expirySite(t, "1795336700 done 1795336648.taken.vm\n")
	s.mail(t, 0, "never", "ann@sender.test")
	s.write(t, "new/1795336647.odd.vm", "no envelope\n")
	s.mail(t, 3, "taken", "ann@sender.test")
	s.mail(t, nineDays, "young", "ann@sender.test")
	before, notes := s.left(t), s.readNotes(t)
	out := openLog(t, s)
	m := s.mailbox(t)
	require.OK(t, m.ShowExpired(false, logline.New(int(out.Fd()), "vodmr-expire", "4711")))
	var files []string
	for line := range strings.Lines(s.log(t)) {
		_, rest, _ := strings.Cut(line, " file=")
		file, _, _ := strings.Cut(rest, " ")
		files = append(files, file)
	}
	if diff := cmp.Diff([]string{"new/1795336645.never.vm", "new/1795336647.odd.vm"}, files); diff != "" {
		t.Errorf("named (-want +got):\n%s%s", diff, s.log(t))
	}
	envelopes, _ := s.queued(t)
	if s.left(t) != before || s.readNotes(t) != notes || envelopes != "" {
		t.Errorf("something changed: %s%s%s", s.left(t), s.readNotes(t), envelopes)
	}
	require.OK(t, os.Remove(filepath.Join(s.maildir, "vodmr.notes")))
	if err := m.ShowExpired(false, logline.New(int(out.Fd()), "vodmr-expire", "4711")); !errors.Is(err, spool.ErrNoNotes) {
		t.Errorf("without notes: %v", err)
	}
}

func (s *site) readNotes(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.maildir, "vodmr.notes"))
	require.OK(t, err)
	return string(text)
}

// TestExpireLeavesInboxes: if a system user's domain is a queue, the user's own mail
// may lie in the same Maildir. No session sends it: it has reached its recipient.
func TestExpireLeavesInboxes(t *testing.T) {
	for _, locals := range []string{"localhost\nMail.Provider.test\n", "", "host.provider.test\nmail.provider.test\n"} {
		s := expirySite(t, "")
		require.OK(t, os.Remove(filepath.Join(s.root, "qmail/users/cdb")))
		s.write(t, "qmail/control/virtualdomains", "example.org:vq\n")
		if locals != "" {
			s.write(t, "qmail/control/locals", locals)
		}
		s.config["login"] = "vq"
		s.mail(t, 0, "vq-bob", "ann@sender.test")
		s.write(t, "cur/1795336646.own.vm:2,S", "Return-Path: <ann@sender.test>\nDelivered-To: vq@mail.provider.test\nReceived: x\n\nbody\n")
		log, err := s.expire(t, false)
		if diff := cmp.Diff("cur/1795336646.own.vm:2,S\n", s.left(t)); diff != "" || err != nil {
			t.Errorf("locals %q: %v, left (-want +got):\n%s%s", locals, err, diff, log)
		}
		if !strings.Contains(log, "skip file=cur/1795336646.own.vm:2,S reason=") || strings.Count(log, " bounce ") != 1 {
			t.Errorf("locals %q:\n%s", locals, log)
		}
		if log, err := s.expire(t, false); log != "" || err != nil {
			t.Errorf("locals %q, a second time: %v\n%s", locals, err, log)
		}
	}
}

// TestExpireOnlyWhatIsHeld: mail for a domain that the login does not hold is no customer's,
// also if it is forced. If the Maildir's login is not known, only local mail is not.
func TestExpireOnlyWhatIsHeld(t *testing.T) {
	for _, test := range []struct{ name, login, rules, left string }{
		{"by users/cdb", "odmr@example.org", "", "strange local"},
		{"by path, in a domain of users/cdb", "", "", "strange local"},
		{"by a rule", "odmr@example.org", `odmr@example.org:allow,VODMR_DOMAINS="stranger.test"`, "own local"},
		{"by a rule without domains", "odmr@example.org", "@example.org:allow,VODMR_IDLE=\"60\"\n", "strange local"},
		{"denied", "odmr@example.org", `odmr@example.org:deny,VODMR_DOMAINS="stranger.test"`, "strange local"},
		{"by path, in no domain", "", "", "local"},
		{"by path, in no domain, with rules", "", `:allow,VODMR_DOMAINS="stranger.test"`, "local"},
	} {
		s := expirySite(t, "")
		s.config["login"] = test.login
		if strings.HasPrefix(test.name, "by path, in no domain") {
			require.OK(t, os.Remove(filepath.Join(s.root, "qmail/users/cdb")))
		}
		if test.rules != "" {
			s.files["rules"] = test.rules
			s.write(t, "rules", test.rules+"\n")
		}
		for name, rcpt := range map[string]string{"1": "own@example.org", "2": "strange@stranger.test", "3": "local@mail.provider.test"} {
			s.write(t, "new/1795336645."+name+".vm", "Return-Path: <ann@sender.test>\nDelivered-To: "+rcpt+"\nReceived: x\n\nbody\n")
		}
		log, err := s.expire(t, true)
		var left []string
		for n, name := range []string{"own", "strange", "local"} {
			if strings.Contains(s.left(t), fmt.Sprintf("new/1795336645.%d.vm", n+1)) {
				left = append(left, name)
			}
		}
		if got := strings.Join(left, " "); got != test.left || err != nil {
			t.Errorf("%s: left are %q, want %q, %v\n%s", test.name, got, test.left, err, log)
		}
	}
}

package integration

import (
	"errors"
	"fmt"
	"net/smtp"
	"net/textproto"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"vodmr/test/kit/require"
)

// openDoor makes the folder where recipients are asked about. Its group is nobody's, as the
// front's SMTP server asks with the rights of nobody.
func (s *site) openDoor(t testing.TB) string {
	t.Helper()
	require.Root(t, "a folder of another user is wanted")
	door := filepath.Join(s.dir, "door")
	account{s.owner.uid, lookUpUser(t, "nobody").gid}.mkdir(t, door, 0o750)
	if err := os.Chmod(door, os.ModeSetgid|0o750); err != nil {
		t.Fatal(err)
	}
	s.settings = append(s.settings, "VODMR_DOOR="+door)
	return door
}

// startAskingFront starts a Postfix in front that asks at the door, as INSTALL has it.
func startAskingFront(t testing.TB, s *site, door string, more ...string) *postfix {
	t.Helper()
	return askingFront(t, s, door, nil, more...)
}

// askingFront is startAskingFront with services of its own, as lines of master.cf.
func askingFront(t testing.TB, s *site, door string, services []string, more ...string) *postfix {
	t.Helper()
	p := &postfix{dir: publicDir(t), services: append(services,
		"vodmr-rcpt unix - n n - 100 spawn",
		"  user=nobody argv="+program(t, "vodmr-rcpt")+" -d "+door+" -P")}
	return p.run(t, s.domain, append([]string{
		"smtpd_recipient_restrictions = reject_unauth_destination, " +
			"check_policy_service { unix:private/vodmr-rcpt, timeout=10s, default_action=DUNNO }",
		"smtpd_client_connection_count_limit = 0", "smtpd_error_sleep_time = 0",
		"smtpd_hard_error_limit = 10000", "default_process_limit = 200",
	}, more...)...)
}

// rcpt says MAIL and RCPT to the front, and gives the reply to RCPT.
func rcpt(t testing.TB, front *postfix, address string) string {
	t.Helper()
	c, err := smtp.Dial("127.0.0.1:" + front.openPort)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Mail("ann@sender.test"); err != nil {
		t.Fatal(err)
	}
	return replyOf(c.Rcpt(address))
}

func replyOf(err error) string {
	if err == nil {
		return "250"
	}
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		return fmt.Sprint(reply.Code, " ", reply.Msg)
	}
	return err.Error()
}

// knows makes a Postfix that has only these users.
func knows(s *site, users ...string) string {
	var list []string
	for _, user := range users {
		list = append(list, "{ "+user+"@"+s.domain+" = inbox/ }")
	}
	return "virtual_mailbox_maps = inline:{ " + strings.Join(list, ", ") + " }"
}

// TestDoorPermissions: who is not in the folder's group cannot ask, and neither can the
// session of another user make a socket there. Mail flows all the same.
func TestDoorPermissions(t *testing.T) {
	t.Parallel()
	s := newSite(t).standing("VODMR_NOOP=1")
	door := s.openDoor(t)
	mx := startPostfix(t, s.domain, knows(s, "bob"))
	if err := os.Chown(door, 0, 0); err != nil { // not the session's
		t.Fatal(err)
	}
	p := s.listen(t)
	done := background(func() (int, string) { return s.atrn(t, p, "-s", "127.0.0.1:"+mx.port) })
	eventually(t, time.Minute, "the log tells of it", func() bool {
		return len(p.lines(t, " error ", "unknown recipients are not refused at the front", "permission denied")) > 0
	})
	s.deliver(t, "ann@sender.test", "first\n", "bob@"+s.domain)
	eventually(t, time.Minute, "it is sent", func() bool { return len(s.waiting(t)) == 0 })
	s.terminate(t)
	endedWell(t, done)
}

// TestDoorDictionary: 50 connections ask about a dictionary of addresses. Mail to known
// users flows meanwhile, none of these is refused, and the session's memory stays bounded.
func TestDoorDictionary(t *testing.T) {
	require.Time(t)
	s := newSite(t).standing("VODMR_NOOP=1", "VODMR_ASK=100000")
	door := s.openDoor(t)
	mx := startPostfix(t, s.domain, knows(s, "bob", "carol"), "smtpd_error_sleep_time = 0",
		"smtpd_hard_error_limit = 1000000", "smtpd_soft_error_limit = 1000000")
	front := startAskingFront(t, s, door)
	p := s.listen(t)
	done := background(func() (int, string) { return s.atrn(t, p, "-s", "127.0.0.1:"+mx.port) })
	eventually(t, time.Minute, "the session stands", func() bool { return len(p.lines(t, " stand ")) == 1 })
	s.deliver(t, "ann@sender.test", "first\n", "bob@"+s.domain)
	eventually(t, time.Minute, "it is sent", func() bool { return len(s.waiting(t)) == 0 })
	const connections, each = 50, 200
	var group sync.WaitGroup
	replies := make(chan string, 2*connections*each)
	for i := range connections {
		group.Go(func() { dictionary(front, s.domain, i, each, replies) })
	}
	var delays []time.Duration
	flood := make(chan bool)
	go func() { group.Wait(); close(flood) }()
	for flooded := false; !flooded; {
		select {
		case <-flood:
			flooded = true
		default:
			start := time.Now()
			s.deliver(t, "ann@sender.test", "in the flood\n", "bob@"+s.domain)
			eventually(t, time.Minute, "it is sent", func() bool { return len(s.waiting(t)) == 0 })
			delays = append(delays, time.Since(start))
		}
	}
	close(replies)
	refused, accepted := 0, 0
	for reply := range replies {
		known := strings.HasPrefix(reply, "known ")
		if strings.HasSuffix(reply, " 250") {
			accepted++
		} else if known || !strings.Contains(reply, " 550 5.1.1 ") {
			t.Errorf("a reply: %s", reply)
		} else {
			refused++
		}
	}
	sort.Slice(delays, func(i, j int) bool { return delays[i] < delays[j] })
	t.Logf("%d refused, %d accepted; %d messages meanwhile, median %v, longest %v", refused, accepted,
		len(delays), delays[len(delays)/2], delays[len(delays)-1])
	if refused < connections*each/2 {
		t.Errorf("only %d of %d unknown recipients are refused", refused, connections*each)
	}
	if kb := s.sessionMemory(t); kb > 64<<10 {
		t.Errorf("the session has %d KiB", kb)
	}
	s.terminate(t)
	endedWell(t, done)
}

// dictionary asks about unknown recipients on one connection, and after each ten about one that
// is known.
func dictionary(front *postfix, domain string, number, each int, replies chan<- string) {
	c, err := smtp.Dial("127.0.0.1:" + front.openPort)
	if err != nil {
		replies <- "connect " + err.Error()
		return
	}
	defer c.Close()
	if err := c.Mail("ann@sender.test"); err != nil {
		replies <- "mail " + err.Error()
		return
	}
	for i := range each {
		replies <- "unknown " + replyOf(c.Rcpt(fmt.Sprintf("word%d-%d@%s", number, i, domain)))
		if i%10 == 9 {
			replies <- "known " + replyOf(c.Rcpt([]string{"bob", "carol"}[number%2]+"@"+domain))
		}
	}
}

// sessionMemory is the resident memory of the session that holds the lock, in KiB.
func (s *site) sessionMemory(t testing.TB) (kb int) {
	t.Helper()
	status := readFile(t, fmt.Sprintf("/proc/%d/status", s.holder(t)))
	_, rest, _ := strings.Cut(status, "VmHWM:")
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		t.Fatal(err)
	}
	return kb
}

// TestDoorFirstQuestion: also if the first question is about a recipient that the server
// has, the next unknown one is refused.
func TestDoorFirstQuestion(t *testing.T) {
	t.Parallel()
	s := newSite(t).standing("VODMR_NOOP=1")
	door := s.openDoor(t)
	front := startAskingFront(t, s, door)
	p := s.listen(t)
	args := []string{program(t, "customer"), filepath.Join(t.TempDir(), "Maildir"), "only", "bob@" + s.domain, "carol@" + s.domain}
	done := background(func() (int, string) { return s.atrn(t, p, args...) })
	s.deliver(t, "ann@sender.test", "first\n", "bob@"+s.domain)
	eventually(t, time.Minute, "it is sent", func() bool { return len(p.lines(t, " stand ")) == 1 && len(s.waiting(t)) == 0 })
	for _, is := range [][2]string{{"carol", "250"}, {"nobody", "550 5.1.1 "}, {"bob", "250"}, {"nobody-else", "550 5.1.1 "}} {
		if got := rcpt(t, front, is[0]+"@"+s.domain); !strings.HasPrefix(got, is[1]) {
			t.Errorf("%s: the front says %q, want %q", is[0], got, is[1])
		}
	}
	s.terminate(t)
	endedWell(t, done)
}

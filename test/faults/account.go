package main

import (
	"os"
	"path/filepath"
	"strings"

	"vodmr/relay/spool"
)

// cleanMax is how many undisturbed sessions may follow a fault until everything that
// can leave the Maildir has left it.
const cleanMax = 4

// settle runs sessions without a fault until only the messages are left that must
// stay, then closes the account. broken is the number of sessions that broke before.
func (s *site) settle(broken int) {
	for range cleanMax {
		if s.trial.broken != nil || s.settled() {
			break
		}
		if one := s.session(nil); !one.cleanEnd {
			s.fail("a session that nothing disturbed ended out of order: %s", one.how())
		}
	}
	if s.trial.broken == nil {
		s.close(broken)
	}
}

// settled reports if the Maildir holds exactly the messages that must stay.
func (s *site) settled() bool {
	there, err := s.waiting()
	if err != nil {
		s.trial.broken = err
		return true
	}
	for _, m := range s.messages {
		if there[m.file] != (m.expected == stays && !m.deleted) {
			return false
		}
	}
	return true
}

// close compares what became of each message with what was expected.
func (s *site) close(broken int) {
	there, err := s.waiting()
	if err == nil {
		err = s.countBounces()
	}
	if err == nil && s.chain.fetches {
		err = s.countInbox()
	}
	if err != nil {
		s.trial.broken = err
		return
	}
	for _, m := range s.messages {
		s.judge(m, there[m.file])
	}
	for _, what := range s.unexpected {
		s.fail("%s", what)
	}
	if s.bound = broken*s.most() + s.unknown; s.resent > s.bound {
		s.fail("%d were sent again, at most %d may", s.resent, s.bound)
	}
}

// judge checks one message: if it neither arrived, bounced nor waits, it is lost; if
// it took another of these ways than expected, the trial fails.
func (s *site) judge(m *message, there bool) {
	if m.taken+m.bounced == 0 && !there && !m.deleted && m.expected != vanishes {
		s.lost++
		s.fail("LOST: %s from %s to %s", m.file, m.from, m.to)
		return
	}
	s.resent += max(0, m.taken-1) + max(0, m.bounced-1)
	switch {
	case m.bounced > 0 && m.expected != bounces:
		s.fail("wrongly bounced: %s to %s", m.file, m.to)
	case m.taken > 0 && m.expected != arrives:
		s.fail("taken though it was refused: %s to %s", m.file, m.to)
	case there && m.deleted:
		s.fail("deleted by its owner, but back: %s", m.file)
	case there && m.expected != stays:
		s.fail("left behind: %s to %s", m.file, m.to)
	}
}

// most is how many messages, copies included, may go twice because one session broke:
// the largest transactions that may be in flight at once, one message if qmail-queue has
// taken its bounce, and on a slow file system those that are being removed.
func (s *site) most() int {
	copies := make(map[string]int)
	largest := 1
	for _, m := range s.messages {
		copies[m.from+" "+m.content]++
		largest = max(largest, copies[m.from+" "+m.content])
	}
	inFlight := 1
	if s.mode.chunking {
		inFlight = window
	}
	bounce := 0
	for _, m := range s.messages {
		if m.expected == bounces {
			bounce = 1
		}
	}
	if s.chain.expires {
		return bounce
	}
	removing := 0
	if s.slowDisk {
		removing = spool.MaxRemovals
	}
	return largest + inFlight - 1 + bounce + removing
}

// countBounces reads the bounces that the stand-in for qmail-queue took.
func (s *site) countBounces() error {
	envelopes, err := filepath.Glob(filepath.Join(s.qmail, "queue/*.envelope"))
	if err != nil {
		return err
	}
	for _, name := range envelopes {
		text, err := os.ReadFile(strings.TrimSuffix(name, "envelope") + "message")
		if err != nil {
			return err
		}
		envelope, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		s.countBounce(string(envelope), string(text))
	}
	return nil
}

// countBounce finds the message of a bounce: QSBMF names the recipient, and no two
// messages that may bounce have the same one.
func (s *site) countBounce(envelope, text string) {
	for _, m := range s.messages {
		if envelope == m.returned() && strings.Contains(text, "\n<"+m.to+">:\n") {
			m.bounced++
			return
		}
	}
	s.fail("a bounce of nothing that was sent: %q %.300q", envelope, text)
}

// countInbox reads the mail that atrn received. Above the message only atrn's own
// lines are allowed.
func (s *site) countInbox() error {
	files, err := filepath.Glob(filepath.Join(s.inbox(), "new/*"))
	if err != nil {
		return err
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		top, content, _ := strings.Cut(string(text), "Received: (qmail ")
		from, _, _ := strings.Cut(strings.TrimPrefix(top, "Return-Path: <"), ">\nDelivered-To: ")
		_, to, _ := strings.Cut(top, "\nDelivered-To: ")
		to, _, _ = strings.Cut(to, "\n")
		s.take(from, []string{to}, []byte(strings.ReplaceAll("Received: (qmail "+content, "\n", "\r\n")))
	}
	return nil
}

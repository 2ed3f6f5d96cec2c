package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"vodmr/maildir"
)

const (
	mailreadersRounds = 40
	rivals            = 3 // customers that call at once
	mailreadersTime   = time.Second
	mailreadersRate   = 600 // actions a second
)

// mailreadersRow runs sessions while other programs work in the same mailbox.
func mailreadersRow() []series { return mailreadersSeries("mailreaders/", nil) }

// mailreadersStanding does the same with standing sessions, which say NOOP only if
// another session asks for the mailbox.
func mailreadersStanding() []series {
	return mailreadersSeries("standing/", []string{"VODMR_IDLE=1", "VODMR_NOOP=60"})
}

func mailreadersSeries(name string, env []string) []series {
	var all []series
	for _, m := range modes() {
		all = append(all, series{name: name + m.name, last: mailreadersRounds, try: func(t *trial) { amongMailreaders(t, m, env) }})
	}
	return all
}

// amongMailreaders has a mail reader and a delivery at work in the Maildir, while
// three customers with one login call again and again. Nothing breaks, so nothing may
// be sent again.
func amongMailreaders(t *trial, m mode, env []string) {
	there, coming := t.mixed(0, 30), t.mixed(30, 40)
	s := newSite(t, relayChain(), m, there)
	if t.broken == nil {
		t.broken = s.prepare(coming, 1000)
	}
	if t.broken != nil {
		return
	}
	box, err := maildir.Open(s.home, "Maildir")
	if err != nil {
		t.broken = err
		return
	}
	defer box.Close()
	span := mailreadersTime
	if env != nil {
		span *= 3 // so that the mailbox changes hands often
	}
	busy := t.newMailreaders("-t", span.String(), "-r", fmt.Sprint(mailreadersRate), "-d", s.maildir())
	if t.broken = busy.start(); t.broken != nil {
		return
	}
	s.env = env
	var met atomic.Int64
	var all sync.WaitGroup
	for range rivals {
		all.Go(func() {
			for !busy.gone() && t.ctx.Err() == nil {
				met.Add(s.rival(box))
			}
		})
	}
	all.Wait()
	t.fired = true
	t.struck = met.Load() > 0
	s.env = nil
	s.after(busy)
	s.settle(0)
}

// mixed makes n messages, numbered from first: most are small, some are copies for
// two recipients, some are refused or deferred.
func (t *trial) mixed(from, n int) []*message {
	var list []*message
	for i := from; len(list) < n; i++ {
		text := strings.Repeat(fmt.Sprintf("message %d\n", i), 1+t.random.IntN(200))
		switch t.random.IntN(12) {
		case 0:
			list = append(list, write(fmt.Sprint(nobody, i), "ann", text))
		case 1:
			list = append(list, write(fmt.Sprint(greylist, i), "ann", text))
		case 2:
			list = append(list, write(fmt.Sprint("carol", i), "ann", text), write(fmt.Sprint("dave", i), "ann", text))
		default:
			list = append(list, write(fmt.Sprint("bob", i), "ann", text))
		}
	}
	return list
}

// rival runs a session, and returns how often it met another session that held the
// mailbox or asked for it.
func (s *site) rival(box *maildir.Box) (met int64) {
	one := s.converse(nil, func(p *process, near *net.TCPConn) error {
		_ = near.SetDeadline(time.Now().Add(sessionMax))
		server := s.server()
		server.Mail = func(string) string {
			time.Sleep(time.Millisecond) // long enough for sessions to meet
			return ""
		}
		server.Noop = func() string {
			met++
			return leave(p.cmd.Process.Pid)
		}
		server.Take = func(from string, to []string, content []byte) {
			s.holds(box, p.cmd.Process.Pid)
			s.take(from, to, content)
		}
		return s.play(near, server)
	})
	switch {
	case one.cleanEnd:
	case strings.Contains(fmt.Sprint(one.err), `says "451 4.3.0 another session`):
		met++
	case s.ctx.Err() == nil:
		s.fail("a session beside mail readers ended out of order: %s", one.how())
	}
	return met
}

// leave answers NOOP. Depending on the process, the session is ended by SIGTERM,
// ended by the customer, or goes on.
func leave(pid int) string {
	switch pid % 3 {
	case 0:
		return "421 4.3.2 not now"
	case 1:
		_ = syscall.Kill(pid, syscall.SIGTERM)
	}
	return ""
}

// holds fails unless this process holds the lock, because only the holder may send.
func (s *site) holds(box *maildir.Box, pid int) {
	if holder, err := box.Holder(); err != nil || holder != pid {
		s.fail("process %d sends, and the lock's holder is %d, %v", pid, holder, err)
	}
}

// prepare puts messages into tmp/, from which mailreaders will deliver them. Their
// names are numbered from first.
func (s *site) prepare(list []*message, first int) error {
	for i, m := range list {
		m.file = fmt.Sprintf("%d.%d.provider", time.Now().Unix(), first+i)
		if err := os.WriteFile(filepath.Join(s.maildir(), "tmp", m.file), []byte(m.stored()), 0o600); err != nil {
			return err
		}
		s.messages = append(s.messages, m)
	}
	return nil
}

// after records what mailreaders deleted, removes its marks of deletion, and checks
// maildirsize.
func (s *site) after(busy *mailreaders) {
	deleted, err := busy.end()
	if err != nil {
		s.trial.broken = errors.Join(s.trial.broken, err)
		return
	}
	for _, m := range s.messages {
		m.deleted = deleted[m.file]
	}
	if err := s.unmark(); err != nil {
		s.trial.broken = err
		return
	}
	s.checkSize()
}

// unmark removes the marks of deletion that mailreaders made.
func (s *site) unmark() error {
	marked, err := filepath.Glob(filepath.Join(s.maildir(), "cur/*T"))
	for _, path := range marked {
		err = errors.Join(err, os.Rename(path, strings.TrimSuffix(path, "T")))
	}
	return err
}

// checkSize fails if a line of maildirsize does not have the proper form.
func (s *site) checkSize() {
	text, err := os.ReadFile(filepath.Join(s.maildir(), "maildirsize"))
	if err != nil {
		s.trial.broken = err
		return
	}
	for line := range strings.Lines(string(text)) {
		var size, count int64
		if _, err := fmt.Sscanf(line, "%d %d\n", &size, &count); err != nil && !strings.Contains(line, "S,") {
			s.fail("maildirsize has the line %q", line)
		}
	}
}

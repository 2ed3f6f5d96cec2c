package main

import (
	"os"
	"path/filepath"
	"syscall"

	"vodmr/test/kit/customer"
)

// An ending is the way in which a standing session ends.
type ending int

const (
	byCustomer ending = iota // 421 to a NOOP
	byTerm                   // SIGTERM during a NOOP
	byIdle                   // VODMR_IDLE is over
	endings    = iota
)

// noopsMax is how many NOOPs a standing session may send while it still has mail.
const noopsMax = 4

// newStanding makes a site with a standing session. Half of the mail waits; one
// message more arrives with each one that the customer takes, and the last one during
// the first NOOP. The session ends when all mail has gone.
func newStanding(t *trial, l lineCase, list []*message, how ending) *site {
	early := len(list) / 2
	s := newSite(t, l.chain, l.mode, list[:early])
	if t.broken == nil {
		t.broken = s.prepare(list[early:], 1000)
	}
	s.env = []string{"VODMR_NOOP=1", "VODMR_IDLE=60"}
	if how == byIdle {
		s.env[1] = "VODMR_IDLE=3"
	}
	s.adjust = func(server *customer.Server) { s.attend(server, how) }
	return s
}

// attend makes new mail arrive while the customer's server is at work.
func (s *site) attend(server *customer.Server, how ending) {
	last := len(s.messages) - 1
	server.Take = func(from string, to []string, content []byte) {
		s.take(from, to, content)
		s.land(1, s.messages[:last])
	}
	noops := 0
	server.Noop = func() string {
		s.land(len(s.messages), s.messages)
		if noops++; how == byIdle || noops < noopsMax && !s.settled() {
			return ""
		}
		if how == byTerm {
			_ = syscall.Kill(s.pid, syscall.SIGTERM)
			return ""
		}
		return "421 4.3.2 not now"
	}
}

// settleStanding ends the standing session, and accounts for the mail by ordinary
// sessions.
func (s *site) settleStanding(one *session) {
	s.chain, s.env, s.adjust = relayChain(), nil, nil
	s.land(len(s.messages), s.messages)
	s.settle(one.broken())
}

// killedStanding kills vodmr-relay in a standing session.
func killedStanding() []series {
	var all []series
	for _, m := range modes() {
		for _, call := range append(calls(), standingCalls()...) {
			all = append(all, series{name: "standing/" + m.name + "/" + call, try: func(t *trial) { killStanding(t, m, call) }})
		}
	}
	return all
}

// standingCalls are the calls that only a standing session makes.
func standingCalls() []string { return []string{"inotify_init1", "inotify_add_watch", "rt_sigaction"} }

func killStanding(t *trial, m mode, call string) {
	s := newStanding(t, lineCase{relayChain(), m}, variety(), byCustomer)
	if t.broken != nil {
		return
	}
	s.settleStanding(killOnce(t, s, call))
}

// failingStanding makes vodmr-relay's Nth call of each name fail in a standing
// session.
func failingStanding() []series {
	var all []series
	c := failed{"standing", relayChain(), modes()[2], true}
	for _, call := range append(failingCalls(), standingCalls()[:2]...) {
		all = append(all, series{name: c.name + "/" + call, each: len(failuresOf(call)), try: func(t *trial) { failStanding(t, c, call) }})
	}
	return all
}

func failStanding(t *trial, c failed, call string) {
	s := newStanding(t, lineCase{c.chain, c.mode}, variety(), byCustomer)
	if t.broken != nil {
		return
	}
	s.settleStanding(failOnce(t, s, c, call))
}

// brokenStanding breaks the line of a standing session at its Nth byte each way, in
// each mode; the sessions of each mode end in another way.
func brokenStanding() []series {
	var all []series
	for i, l := range lines() {
		for _, h := range standingHits(l) {
			for _, w := range ways() {
				name := "standing/" + h.what + "/" + l.mode.name + "/" + w.name
				all = append(all, series{name: name, guess: 2000 / h.stride, try: func(t *trial) { breakStanding(t, l, h, w, ending(i%endings)) }})
			}
		}
	}
	return all
}

// standingHits are the faults of a line. With TLS, most bytes belong to a handshake
// and to records that are all alike, so they are sampled here; the row broken-line
// cuts at each byte.
func standingHits(l lineCase) []hit {
	list := hits()
	if l.chain.name == tlsRelayChain().name {
		list[0].stride = 7
	}
	return list
}

func breakStanding(t *trial, l lineCase, h hit, w way, how ending) {
	s := newStanding(t, l, small(10), how)
	if t.broken != nil {
		return
	}
	one := s.brokenSession(h, w)
	s.settleStanding(one)
	s.checkDoubts(one)
}

// land delivers up to n of the prepared messages in the list, oldest first.
func (s *site) land(n int, list []*message) {
	for _, m := range list {
		tmp := filepath.Join(s.maildir(), "tmp", m.file)
		if _, err := os.Stat(tmp); err != nil || n == 0 {
			continue
		}
		n--
		if err := os.Rename(tmp, filepath.Join(s.maildir(), "new", m.file)); err != nil {
			s.fail("cannot deliver: %v", err)
		}
	}
}

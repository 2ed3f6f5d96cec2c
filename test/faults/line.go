package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"vodmr/test/kit/loopback"
)

// A way is one direction of a line.
type way struct {
	name       string
	toProvider bool
}

func ways() []way { return []way{{"out", false}, {"back", true}} }

// A hit is a fault of a line, and the bytes at which it is tried.
type hit struct {
	what   string
	stride int // it is tried once in so many bytes
}

// hits are the faults: a cut at each byte; the others take longer or show less.
func hits() []hit { return []hit{{"cut", 1}, {"reset", 7}, {"stall", 61}} }

// brokenLine breaks the line at its Nth byte each way, in each mode.
func brokenLine() []series {
	var all []series
	for _, l := range lines() {
		for _, h := range hits() {
			for _, w := range ways() {
				name := h.what + "/" + l.mode.name + "/" + w.name
				all = append(all, series{name: name, guess: 2000 / h.stride, try: func(t *trial) { breakLine(t, l, h, w) }})
			}
		}
		all = append(all, series{name: "trickle/" + l.mode.name, last: 1, try: func(t *trial) { trickle(t, l) }})
	}
	return all
}

// A lineCase is a chain and the extensions that its customer offers.
type lineCase struct {
	chain chain
	mode  mode
}

func lines() []lineCase {
	var list []lineCase
	for _, m := range modes() {
		list = append(list, lineCase{relayChain(), m})
	}
	return append(list, lineCase{tlsRelayChain(), mode{"tls", true, true}})
}

// tlsRelayChain is vodmr-relay behind vodmr-tls, without a login, because this makes
// thousands of sessions.
func tlsRelayChain() chain {
	return chain{
		name: "vodmr-tls",
		argv: func(s *site, wrap []string) []string {
			script := `exec "$@" 3>/dev/null`
			argv := append(wrap, s.program("vodmr-tls"), "-c", s.certificate(), "/bin/sh", "-c", script, "sh")
			return append(argv, s.relayArgs()...)
		},
		turn: func(_ *site, conn net.Conn) (io.ReadWriter, error) {
			secure := insecure(conn)
			if _, err := loopback.Hear(secure, "235"); err != nil {
				return nil, err
			}
			return secure, atrn(secure)
		},
	}
}

// breakLine breaks the line in a session of ten messages.
func breakLine(t *trial, l lineCase, h hit, w way) {
	s := newSite(t, l.chain, l.mode, small(10))
	if t.broken != nil {
		return
	}
	one := s.brokenSession(h, w)
	s.chain = relayChain()
	s.settle(one.broken())
	s.checkDoubts(one)
}

// brokenSession runs a session during which the line fails.
func (s *site) brokenSession(h hit, w way) *session {
	t := s.trial
	if h.what == "stall" {
		t.broken = s.control("timeoutremote", "1")
	}
	var turned atomic.Bool
	turn := s.chain.turn
	s.chain.turn = func(s *site, conn net.Conn) (io.ReadWriter, error) {
		stream, err := turn(s, conn)
		turned.Store(err == nil)
		return stream, err
	}
	connection := &link{what: h.what, toProvider: w.toProvider, n: t.n * h.stride, turned: turned.Load}
	one := s.sessionOnLine(nil, connection.lay)
	t.fired = connection.struck.Load()
	t.struck = t.fired
	_ = os.Remove(filepath.Join(s.qmail, "control/timeoutremote"))
	return one
}

// checkDoubts fails if a message arrived twice and the broken session did not log
// that it might.
func (s *site) checkDoubts(one *session) {
	for _, m := range s.messages {
		if m.taken > 1 && !strings.Contains(one.log, " doubt file=new/"+m.file+" ") {
			s.fail("sent again without a word of doubt: %s", m.file)
		}
	}
}

// trickle passes on each byte by itself, both ways, and breaks nothing.
func trickle(t *trial, l lineCase) {
	list := slices.DeleteFunc(variety(), func(m *message) bool { return len(m.content) > 1000 })
	s := newSite(t, l.chain, l.mode, append(list, small(10)...))
	if t.broken != nil {
		return
	}
	connection := &link{what: "trickle"}
	one := s.sessionOnLine(nil, connection.lay)
	t.fired = connection.struck.Load()
	t.struck = t.fired
	if !one.cleanEnd || !s.settled() {
		s.fail("a slow line broke the session: %s", one.how())
	}
	s.settle(0)
}

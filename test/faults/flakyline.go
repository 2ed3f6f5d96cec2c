package main

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vodmr/test/kit/customer"
)

const (
	flakyLineSessions = 2
	manySessions      = 300
	sampleSessions    = 40
	lineMean          = 2500 // mean length in bytes of a line until it breaks
	waitMax           = 60   // sessions that a message may wait for
)

// A flakyline is a site with a line that breaks in each session while mail keeps coming.
type flakyline struct {
	*site
	session      int
	unsuspected  int  // waiting messages that were not demoted
	suspectsTurn bool // a demoted message had its turn before them
	began        int64
	came         map[*message]int // session in which it was delivered
	took         []*message       // messages of this session, in order
	first        map[*message]int // session in which it was taken first
}

// flakyLineRounds plays hundreds of sessions over a line that breaks at random, while
// mail keeps coming. In each session the oldest message must go first, unless it
// broke two sessions in a row.
func flakyLineRounds(t *trial, m mode) {
	g := &flakyline{site: newSite(t, relayChain(), m, nil), came: make(map[*message]int), first: make(map[*message]int)}
	sessions := manySessions
	if t.sample > 0 {
		sessions = sampleSessions
	}
	g.adjust = func(c *customer.Server) {
		c.Take = func(from string, to []string, content []byte) {
			g.take(from, to, content)
			m := g.search(from, to[0], string(content))
			if _, resent := g.first[m]; !resent {
				g.first[m] = g.session
			}
			g.took = append(g.took, m)
		}
	}
	g.began = time.Now().Unix() - 100000
	broken := 0
	for ; g.session < sessions && t.broken == nil && t.ctx.Err() == nil; g.session++ {
		t.broken = g.newMail()
		if g.visit() {
			broken++
		}
	}
	t.fired, t.struck = true, true
	g.checkDelays()
	g.settle(broken)
}

// newMail delivers up to three messages.
func (g *flakyline) newMail() error {
	for range g.random.IntN(4) {
		i := len(g.messages)
		m := write(fmt.Sprint("r", i), "a", strings.Repeat(fmt.Sprintf("%d\n", i), 1+g.random.IntN(200)))
		m.file = fmt.Sprintf("%d.%d.provider", g.began+int64(i), i)
		g.messages = append(g.messages, m)
		g.came[m] = g.session
		if err := os.WriteFile(filepath.Join(g.maildir(), "new", m.file), []byte(m.stored()), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// visit is one session over a line that is cut, or reset, at a random byte.
func (g *flakyline) visit() (broke bool) {
	there, err := g.waiting()
	if err != nil {
		g.trial.broken = err
		return false
	}
	l := &link{what: []string{"cut", "reset"}[g.random.IntN(2)], toProvider: g.random.IntN(4) == 0}
	l.n = int(g.random.ExpFloat64() * lineMean)
	if l.toProvider {
		l.n /= 8
	}
	l.turned = func() bool { return true }
	g.took = nil
	one := g.sessionOnLine(nil, func(c net.Conn) net.Conn { return l.lay(c) })
	order, err := g.order(there)
	if err != nil {
		g.trial.broken = err
	}
	if !begins(order, g.took) && !g.early(order) {
		g.fail("session %d: taken %s, the order was %s", g.session, names(g.took), names(order))
	}
	return !one.cleanEnd
}

// begins reports if the list starts with another list.
func begins(list, with []*message) bool {
	return len(with) <= len(list) && slices.Equal(with, list[:len(with)])
}

// early reports if a suspect went before all other messages and it was that suspect's
// turn.
func (g *flakyline) early(order []*message) bool {
	i := slices.Index(order, g.took[0])
	if i != g.unsuspected || !g.suspectsTurn {
		return false
	}
	first := slices.Insert(slices.Delete(slices.Clone(order), i, i+1), 0, order[i])
	return begins(first, g.took)
}

// order is the order in which the waiting messages must be offered: the oldest first,
// then those that broke two sessions in a row, fewest breaks first.
func (g *flakyline) order(there map[string]bool) ([]*message, error) {
	breaks, suspectsTurn, err := g.noted()
	if err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(slices.Clone(g.messages), func(m *message) bool { return !there[m.file] })
	rank := func(m *message) int {
		if breaks[m.file] < alone {
			return 0
		}
		return breaks[m.file]
	}
	g.suspectsTurn = suspectsTurn > 0
	g.unsuspected = len(slices.DeleteFunc(slices.Clone(list), func(m *message) bool { return rank(m) > 0 }))
	slices.SortStableFunc(list, func(a, b *message) int { return cmp.Compare(rank(a), rank(b)) })
	return list, nil
}

func names(list []*message) string {
	var all []string
	for _, m := range list {
		all = append(all, m.to)
	}
	return fmt.Sprint(all)
}

// checkDelays fails if a message had to wait for too many sessions.
func (g *flakyline) checkDelays() {
	longest := 0
	for _, m := range g.messages {
		at, taken := g.first[m]
		if !taken {
			at = g.session
		}
		longest = max(longest, at-g.came[m])
	}
	g.logf("-- %d messages, the longest wait: %d sessions of %d", len(g.messages), longest, g.session)
	if longest > waitMax {
		g.fail("a message waited for %d sessions", longest)
	}
}

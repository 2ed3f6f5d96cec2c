package main

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"vodmr/test/kit/customer"
)

const (
	poisonRounds = 12
	goodOnes     = 100
	badOnes      = 5
	alone        = 2 // breaks from which on a message goes last, alone
)

// hows are what happens at a poison, stages the command of its transaction at
// which it does. Both stand in its addresses.
func hows() []string   { return []string{"drop", "reset", "kill", "hang"} }
func stages() []string { return []string{"mail", "rcpt", "content"} }

// poisonRow is five poisons among a hundred good messages, and a line that
// breaks at random for weeks.
func poisonRow() []series {
	var all []series
	for _, m := range modes() {
		all = append(all, series{name: "five/" + m.name, last: poisonRounds, try: func(t *trial) { fivePoisons(t, m) }},
			series{name: "weeks/" + m.name, last: flakyLineSessions, try: func(t *trial) { flakyLineRounds(t, m) }})
	}
	return all
}

// A poisonedSite is a site with poisons among its mail.
type poisonedSite struct {
	*site
	bad  []*message
	tail tail // of what the customer heard
}

// fivePoisons plays sessions until all that is good has arrived, a few more in
// which only the poisons are left, and then mends the customer.
func fivePoisons(t *trial, m mode) {
	p := newPoisonedSite(t, m)
	if t.broken != nil {
		return
	}
	most := p.mostSessions()
	sessions := 0
	for ; sessions < most && p.goodWait() && t.broken == nil && t.ctx.Err() == nil; sessions++ {
		p.visit()
	}
	t.fired, t.struck = true, true
	if p.goodWait() {
		t.fail("%d sessions were not enough to get past %d poisons", most, badOnes)
	}
	t.logf("-- %d sessions of at most %d", sessions, most)
	for range 3 {
		p.visit()
		sessions++
	}
	t.broken = p.control("timeoutremote", "60")
	p.settle(sessions)
}

func newPoisonedSite(t *trial, m mode) *poisonedSite {
	list := small(goodOnes)
	var bad []*message
	for i := range badOnes {
		how, stage := hows()[t.random.IntN(len(hows()))], stages()[t.random.IntN(len(stages()))]
		if i > 0 && how == "hang" {
			how = "drop" // one of them is enough waiting
		}
		name := fmt.Sprintf("%s-%s-%d", how, stage, i)
		bad = append(bad, write(name, name, fmt.Sprintf("poison %d\n", i)))
	}
	for _, b := range bad {
		list = slices.Insert(list, t.random.IntN(len(list)+1), b)
	}
	s := newSite(t, relayChain(), m, list)
	if t.broken == nil {
		t.broken = s.control("timeoutremote", "1")
	}
	return &poisonedSite{site: s, bad: bad}
}

// mostSessions is how many may pass until all that is good has arrived: two for
// each poison, and two for each message whose answer may be lost with the
// poison's. Where the customer's server answers at once, and hangs up in order,
// none is.
func (p *poisonedSite) mostSessions() int {
	sessions := 1
	for range p.bad {
		sessions += alone * p.most()
		if p.mode.pipelining && !p.mode.chunking {
			sessions += alone // its MAIL goes out with the end of the content before it
		}
	}
	return sessions + sessions/10 // in one of ten, one of them may go first again
}

// goodWait says whether any good message waits.
func (p *poisonedSite) goodWait() bool {
	there, err := p.waiting()
	if err != nil {
		p.trial.broken = err
	}
	for _, m := range p.messages {
		if there[m.file] && !slices.Contains(p.bad, m) {
			return true
		}
	}
	return false
}

// visit is one session, which breaks if a poison is offered.
func (p *poisonedSite) visit() {
	p.tail.text = ""
	p.converse(nil, func(proc *process, near *net.TCPConn) error {
		_ = near.SetDeadline(time.Now().Add(sessionMax))
		p.tail.Conn = near
		server := p.server()
		p.poison(server, near, proc.cmd.Process.Pid)
		return p.play(&p.tail, server)
	})
}

// poison makes the customer strike when a poison comes to its stage.
func (p *poisonedSite) poison(server *customer.Server, near *net.TCPConn, pid int) {
	server.Prompt = true
	strike := func(from, stage string) string {
		i := slices.IndexFunc(p.bad, func(m *message) bool { return m.from == from })
		how, at, _ := strings.Cut(from, "-")
		if i < 0 || !strings.HasPrefix(at, stage) {
			return ""
		}
		p.suspicious(p.bad[i], stage)
		harm(how, near, pid)
		return "421 4.3.0 out of order"
	}
	var from string
	server.Mail = func(sender string) string {
		from = sender
		return strike(sender, "mail")
	}
	server.Rcpt = func(string) string { return strike(from, "rcpt") }
	server.Content = func(from string, _ []string) string { return strike(from, "content") }
}

// harm does what a poison does.
func harm(how string, near *net.TCPConn, pid int) {
	switch how {
	case "drop":
		_ = near.CloseWrite()
	case "reset":
		_ = near.SetLinger(0)
		near.Close()
	case "kill":
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	_, _ = io.Copy(io.Discard, near) // until the provider has had enough
}

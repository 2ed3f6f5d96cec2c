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
	alone        = 2 // number of breaks after which a message goes last, alone
)

// hows are the faults that a poison message causes, stages the commands of its
// transaction at which they happen. Both are part of its addresses.
func hows() []string   { return []string{"drop", "reset", "kill", "hang"} }
func stages() []string { return []string{"mail", "rcpt", "content"} }

// poisonRow puts five poison messages among a hundred good ones; another series lets
// the line break at random for hundreds of sessions.
func poisonRow() []series {
	var all []series
	for _, m := range modes() {
		all = append(all, series{name: "five/" + m.name, last: poisonRounds, try: func(t *trial) { fivePoisons(t, m) }},
			series{name: "flaky-line/" + m.name, last: flakyLineSessions, try: func(t *trial) { flakyLineRounds(t, m) }})
	}
	return all
}

// A poisonedSite is a site with poison messages among its mail.
type poisonedSite struct {
	*site
	bad  []*message
	tail tail // end of the text that the customer received
}

// fivePoisons runs sessions until all good messages have arrived, a few more in which
// only the poison messages are left, and then repairs the customer.
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
			how = "drop" // one that hangs takes long enough
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

// mostSessions is how many sessions may pass until all good messages have arrived:
// two for each poison message, and two for each message that may lose its answer
// together with that of the poison. If the customer's server answers at once and
// hangs up in order, no answer is lost.
func (p *poisonedSite) mostSessions() int {
	sessions := 1
	for range p.bad {
		sessions += alone * p.most()
		if p.mode.pipelining && !p.mode.chunking {
			sessions += alone // its MAIL is sent together with the end of the content before it
		}
	}
	return sessions + sessions/10 // in one session of ten a suspect may go first again
}

// goodWait reports if any good message is still waiting.
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

// visit is one session, which breaks if a poison message is offered.
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

// poison makes the customer cause the fault when a poison message reaches its stage.
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

// harm causes the fault of a poison message.
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
	_, _ = io.Copy(io.Discard, near) // until the provider gives up
}

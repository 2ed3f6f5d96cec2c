package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// visit is one session of a customer. If it broke, every message that the notes call
// unanswered is in doubt.
func (p *simulatedCustomer) visit() {
	cleanEnd := false
	if p.chain.fetches {
		cleanEnd = p.fetchAll()
	} else {
		cleanEnd = p.serveAll()
	}
	if p.unlocked() {
		p.doubt(cleanEnd)
	}
	if cleanEnd || p.soaking.ctx.Err() != nil || !p.soaking.calm.Load() {
		return
	}
	p.fail("%s: a session that nothing disturbed ended out of order", p.login)
}

// serveAll connects, and is the server that receives the mail.
func (p *simulatedCustomer) serveAll() (cleanEnd bool) {
	conn, err := net.Dial("tcp", p.soaking.port.listener.Addr().String())
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(sessionMax))
	p.took = nil
	server := p.server()
	server.Mail = func(string) string {
		time.Sleep(time.Duration(p.random.IntN(4)) * time.Millisecond)
		return ""
	}
	server.Take = p.accept
	err = p.play(conn, server)
	p.checkOrder()
	return err == nil
}

// accept takes a message, and remembers the order.
func (p *simulatedCustomer) accept(from string, to []string, content []byte) {
	p.take(from, to, content)
	for _, rcpt := range to {
		if m := p.search(from, rcpt, string(content)); m != nil {
			p.took = append(p.took, m)
		}
	}
}

// checkOrder fails if a younger message came before an older one in the same session,
// unless the older one had been demoted.
func (p *simulatedCustomer) checkOrder() {
	place := func(m *message) int { return slices.Index(p.messages, m) }
	for i := range max(0, len(p.took)-1) {
		a, b := p.took[i], p.took[i+1]
		if place(a) <= place(b) {
			continue
		}
		breaks, suspectsTurn, err := p.noted()
		if err != nil || breaks[b.file] >= alone || suspectsTurn > 0 && breaks[a.file] == suspectsTurn {
			continue
		}
		p.fail("%s: %s came before %s, which is older", p.login, a.file, b.file)
	}
}

// fetchAll receives by atrn into a Maildir; atrn may be killed.
func (p *simulatedCustomer) fetchAll() (cleanEnd bool) {
	ctx, cancel := context.WithTimeout(p.ctx, sessionMax)
	defer cancel()
	proc := p.process(ctx, nil)
	if err := proc.cmd.Start(); err != nil {
		p.fail("%v", err)
		return false
	}
	if !p.soaking.calm.Load() && p.random.IntN(killOneIn) == 0 {
		at := time.Duration(p.random.Int64N(int64(strikeMax)))
		defer time.AfterFunc(at, func() { _ = proc.cmd.Process.Kill() }).Stop()
	}
	one := &session{}
	p.end(ctx, proc, one)
	return isCleanEnd(one)
}

// unlocked waits until no session of the mailbox is running: if vodmr was killed,
// vodmr-relay goes on.
func (p *simulatedCustomer) unlocked() bool {
	for end := time.Now().Add(sessionMax); ; time.Sleep(10 * time.Millisecond) {
		switch pid, err := p.box.Lock.Holder(); {
		case err != nil:
			p.fail("%s: %v", p.login, err)
			return false
		case pid == 0:
			return true
		case p.soaking.ctx.Err() != nil:
			return false
		case time.Now().After(end):
			p.fail("%s: process %d holds the lock for ever", p.login, pid)
			return false
		}
	}
}

// doubt records the messages that a session left unanswered if it broke, and those that
// should have bounced and are there. Such a bounce may be queued: vodmr-relay may have been
// killed behind it, even after the customer had its QUIT.
func (p *simulatedCustomer) doubt(cleanEnd bool) {
	text, err := os.ReadFile(filepath.Join(p.maildir(), "vodmr.notes"))
	if os.IsNotExist(err) { // nothing was to be noted yet
		err = nil
	}
	there, err2 := p.waiting()
	if err != nil || err2 != nil {
		p.fail("%s: %v, %v", p.login, err, err2)
		return
	}
	left, refused := unanswered(string(text)), map[string]bool(nil)
	for _, m := range p.messages {
		if !cleanEnd && left[m.file] && there[m.file] {
			m.doubts++
		}
		if m.expected != bounces || !there[m.file] {
			continue
		}
		if refused == nil {
			refused = p.refused()
		}
		if refused[m.file] {
			m.unbounced++
		}
	}
}

// unanswered returns the files that the last session sent without getting an answer,
// according to the notes.
func unanswered(notes string) map[string]bool {
	left := make(map[string]bool)
	for line := range strings.Lines(notes) {
		words := append(strings.Fields(line), "", "", "")
		switch verb, file := words[1], words[2]; verb {
		case "session":
			clear(left)
		case "sent", "also":
			left[file] = true
		case "again", "kept", "done", "stays":
			delete(left, file)
		}
	}
	return left
}

// refusal finds the base name in the line of the log that precedes a bounce.
var refusal = regexp.MustCompile(` failure file=(?:new|cur)/([^: ]+)`)

// refused returns the files that should bounce, according to the log. The notes do not know
// all of them: they are told of a message when its content is to go.
func (p *simulatedCustomer) refused() map[string]bool {
	log, err := os.ReadFile(filepath.Join(p.soaking.dir, "log"))
	if err != nil {
		p.fail("%v", err)
	}
	files := make(map[string]bool)
	for _, found := range refusal.FindAllSubmatch(log, -1) {
		files[string(found[1])] = true
	}
	return files
}

// settled reports if the Maildir holds exactly the messages that must stay.
func (p *simulatedCustomer) settled() bool {
	p.busy.Lock()
	defer p.busy.Unlock()
	there, err := p.waiting()
	if err != nil {
		p.fail("%s: %v", p.login, err)
		return true
	}
	return !slices.ContainsFunc(p.messages, func(m *message) bool { return there[m.file] != (m.expected == stays) })
}

package main

import (
	"net"
	"os"
	"path/filepath"

	"vodmr/internal/customer"
)

// killedStanding is vodmr-relay, killed in a session that stands for a second: half
// of the mail lands meanwhile, a file for each message that the customer takes.
func killedStanding() []series {
	var all []series
	for _, m := range modes() {
		for _, call := range append(calls(), "inotify_init1", "inotify_add_watch", "rt_sigaction") {
			all = append(all, series{name: "standing/" + m.name + "/" + call, try: func(t *trial) { killStanding(t, m, call) }})
		}
	}
	return all
}

func killStanding(t *trial, m mode, call string) {
	list := variety()
	early := len(list) / 2
	s := newSite(t, relayChain(), m, list[:early])
	if t.broken == nil {
		t.broken = s.prepare(list[early:], 1000)
	}
	if t.broken != nil {
		return
	}
	s.env = append(s.env, "VODMR_IDLE=1")
	s.doctor = func(server *customer.Server) {
		server.Take = func(from string, to []string, content []byte) {
			s.take(from, to, content)
			s.land(1)
		}
	}
	w := t.wire(call, "kill", t.n)
	one := s.sessionOver(w.wrap, func(c net.Conn) net.Conn { return c })
	t.fired, t.struck = w.struck()
	if t.struck && !one.killed {
		t.fail("the program outlived SIGKILL: %s", one.how())
	}
	broken := 0
	if !one.inOrder {
		broken = 1
	}
	s.env, s.doctor = nil, nil
	s.land(len(list))
	s.settle(broken)
}

// land delivers up to n of the prepared messages, the oldest first.
func (s *site) land(n int) {
	for _, m := range s.messages {
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

package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"vodmr/test/kit/customer"
)

// A takeover is a standing session, and another login that asks for its mailbox.
type takeover struct {
	*site
	dead  bool          // the holder's customer no longer answers NOOP
	idle  chan struct{} // closed when the holder has nothing to send
	ended chan struct{} // closed when the asker has ended

	unasked time.Time // see written
}

// newTakeover makes a site for a takeover: some mail waits, the rest arrives when the
// other login asks.
func newTakeover(t *trial, dead bool) *takeover {
	list := []*message{
		write("bob", "ann", "small\n"), write(nobody, "ann", "to nobody\n"),
		write("gus", "ann", "while one asks\n"), write(nobody+"-2", "ann", "the same\n"),
	}
	s := newSite(t, relayChain(), modes()[2], list[:2])
	if t.broken == nil {
		t.broken = s.prepare(list[2:], 1000)
	}
	s.env = []string{"VODMR_NOOP=1", "VODMR_IDLE=60"}
	return &takeover{site: s, dead: dead, idle: make(chan struct{}), ended: make(chan struct{})}
}

// both runs the two sessions, each with its own wrap before the program.
func (k *takeover) both(holding, asking []string) (holder, asker *session) {
	done := make(chan *session)
	go func() { done <- k.call(holding, k.holder()) }()
	select {
	case <-k.idle:
		asker = k.call(asking, k.asker())
		close(k.ended)
		holder = <-done
	case holder = <-done: // it was killed earlier
		asker = k.call(asking, k.asker())
	}
	return holder, asker
}

// call runs one session with this customer.
func (k *takeover) call(wrap []string, server *customer.Server) *session {
	return k.converse(wrap, func(_ *process, near *net.TCPConn) error {
		_ = near.SetDeadline(time.Now().Add(k.patience))
		return k.play(near, server)
	})
}

// holder is the customer of the standing session, until the other login asks.
func (k *takeover) holder() *customer.Server {
	server := k.server()
	var once sync.Once
	server.Noop = func() string {
		once.Do(func() {
			k.unasked = k.written()
			close(k.idle)
		})
		select {
		case <-k.ended:
			return "421 4.3.2 not now"
		default:
		}
		if k.written().Equal(k.unasked) {
			return ""
		}
		k.land(len(k.messages), k.messages)
		if k.dead {
			<-k.ended
		}
		return "421 4.3.2 the other one may have it"
	}
	return server
}

// written is when vodmr.ask was last written to, either to create it or to ask.
func (k *takeover) written() time.Time {
	info, err := os.Stat(filepath.Join(k.maildir(), "vodmr.ask"))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// asker is the customer that connects again.
func (k *takeover) asker() *customer.Server {
	server := k.server()
	server.Noop = func() string { return "421 4.3.2 not now" }
	return server
}

// hurtOne runs both sessions, one of them with a fault.
func (k *takeover) hurtOne(who string, wrap []string) (one, other *session) {
	if who == "asker" {
		holder, asker := k.both(nil, wrap)
		return asker, holder
	}
	return k.both(wrap, nil)
}

// account fails if the undisturbed session did not go as it should, and accounts for
// the mail. If the holder's customer is dead, the holder breaks, but with nothing in
// flight.
func (k *takeover) account(one, other *session, refusable bool) {
	if !other.cleanEnd && !k.dead && !(refusable && refused(other)) {
		k.fail("the session that nothing disturbed ended out of order: %s", other.how())
	}
	k.env = nil
	k.land(len(k.messages), k.messages)
	k.settle(one.broken())
}

// refused reports if a session got the reply that another session has the mailbox.
func refused(one *session) bool {
	return one.err != nil && strings.Contains(one.err.Error(), `says "451 4.3.0 another session`)
}

// takeovers are the series of one fault: at the calls of the asker, and at those of
// the holder.
func takeovers(names []string, try func(t *trial, who, call string)) []series {
	var all []series
	for _, call := range append(names, standingCalls()[:2]...) {
		for _, who := range []string{"asker", "holder"} {
			all = append(all, series{name: who + "/" + call, try: func(t *trial) { try(t, who, call) }})
		}
	}
	return all
}

// killedTakeover kills vodmr-relay while it asks, or while it is asked. For some
// calls it does so also while the holder's customer is dead, which takes ten seconds.
func killedTakeover() []series {
	all := takeovers(calls(), func(t *trial, who, call string) { killTakeover(t, who, call, false) })
	for _, call := range []string{"pwrite64", "fcntl", "openat", "fstat"} {
		all = append(all, series{name: "dead/" + call, slow: true, last: 4, try: func(t *trial) { killTakeover(t, "asker", call, true) }})
	}
	return all
}

func killTakeover(t *trial, who, call string, dead bool) {
	k := newTakeover(t, dead)
	if t.broken != nil {
		return
	}
	w := t.wire(call, "kill", t.n)
	one, other := k.hurtOne(who, w.wrap)
	t.fired, t.struck = w.struck()
	t.struck = t.struck && one.killed // not if it had already ended
	k.account(one, other, false)
}

// failingTakeover makes a call of one of the two sessions fail.
func failingTakeover() []series {
	return takeovers(failingCalls(), failTakeover)
}

func failTakeover(t *trial, who, call string) {
	k := newTakeover(t, false)
	if t.broken != nil {
		return
	}
	e, nth := failed{}.at(call, t.n)
	w := t.wire(call, e.name, nth)
	t.logf("-- %s for call %d of %s", e.name, nth, call)
	one, other := k.hurtOne(who, w.wrap)
	t.fired, _ = w.struck()
	if t.struck = t.fired && one.code != exitLoader; t.struck && !refused(one) {
		k.checkFailure(one, e)
	}
	k.account(one, other, true)
}

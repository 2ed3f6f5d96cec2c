package main

import (
	"os"
	"path/filepath"
	"sync"
	"time"

	"vodmr/relay/door"
)

// doorCalls are the calls that only a session with a door makes.
func doorCalls() []string {
	return []string{"socket", "bind", "listen", "accept4", "fchmodat", "flock", "fchmod", "ftruncate"}
}

// killedDoor kills vodmr-relay in a standing session that is asked about recipients.
func killedDoor() []series {
	var all []series
	for _, m := range modes() {
		for _, call := range append(calls(), doorCalls()...) {
			all = append(all, series{name: "door/" + m.name + "/" + call, try: func(t *trial) {
				withDoor(t, m, func(s *site) *session { return killOnce(t, s, call) })
			}})
		}
	}
	return all
}

// failingDoor makes vodmr-relay's Nth call fail in such a session, with one error in turn:
// failing-standing has them all.
func failingDoor() []series {
	var all []series
	c := failed{"door", relayChain(), modes()[2], false}
	for _, call := range append(failingCalls(), doorCalls()...) {
		all = append(all, series{name: c.name + "/" + call, try: func(t *trial) {
			withDoor(t, c.mode, func(s *site) *session { return failOnce(t, s, c, call) })
		}})
	}
	return all
}

// withDoor runs one standing session that is asked meanwhile: by askers that wait for
// the answer, and by askers that are gone before it. A recipient that the customer has is
// never refused.
func withDoor(t *trial, m mode, run func(s *site) *session) {
	s := newStanding(t, lineCase{relayChain(), m}, variety(), byCustomer)
	if t.broken != nil {
		return
	}
	dir := filepath.Join(t.dir, "door")
	if t.broken = os.Mkdir(dir, 0o755); t.broken != nil {
		return
	}
	s.env = append(s.env, "VODMR_DOOR="+dir)
	done := make(chan bool)
	var askers sync.WaitGroup
	for _, patience := range []time.Duration{time.Second, 0} {
		askers.Go(func() { askAll(t, dir, patience, done) })
	}
	one := run(s)
	close(done)
	askers.Wait()
	s.settleStanding(one)
}

// rounds is how often an asker asks about each recipient. Later rounds would only repeat
// the same calls, at more and more points.
const rounds = 10

// askAll asks some times, or until the session is done.
func askAll(t *trial, dir string, patience time.Duration, done <-chan bool) {
	client := door.NewClient(dir)
	client.Patience = patience
	for range rounds {
		for _, user := range []string{"bob", nobody, "dora", nobody + "-9"} {
			opinion := client.Ask(user + "@" + domain)
			if opinion.Refuse && user[0] != nobody[0] {
				t.fail("%s is refused: %s, by %s", user, opinion.Words, opinion.Source)
			}
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
}

package smtp

import (
	"strings"
	"testing"

	"vodmr/test/kit/customer"
)

// everything is a server that offers all that a Sender can use.
func everything() *customer.Server {
	return &customer.Server{Pipelining: true, Chunking: true, Offers: []string{"SIZE 1000000", "8BITMIME"}}
}

// TestRestrainOneTransaction: no command of a transaction goes out before the reply to
// the content of the one before it.
func TestRestrainOneTransaction(t *testing.T) {
	server, l := everything(), newList(30, 1, 100)
	var s *Sender
	server.Heard = func(line string) {
		if strings.HasPrefix(line, "MAIL FROM:<s") && s.inFlight() != 1 {
			t.Errorf("%q with %d transactions in flight", line, s.inFlight())
		}
	}
	s, run := session(t, server)
	s.Peer.Restrain(OneTransaction)
	if trips := run(l); trips != 30 || l.most != 1 {
		t.Errorf("%d round trips for 30 messages, %d at once", trips, l.most)
	}
}

// TestRestrainLockStep: one command a packet, as if nothing had been offered.
func TestRestrainLockStep(t *testing.T) {
	said := map[string][]string{}
	for name, server := range map[string]*customer.Server{"restrained": everything(), "nothing offered": {}} {
		server.Heard = func(line string) {
			if !strings.HasPrefix(line, "EHLO") {
				said[name] = append(said[name], line)
			}
		}
		s, run := session(t, server)
		if name == "restrained" {
			s.Peer.Restrain(LockStep)
		}
		if trips := run(newList(30, 2, 100)); trips != 30*5 {
			t.Errorf("%s: %d round trips for 30 messages of 5 commands", name, trips)
		}
	}
	if a, b := strings.Join(said["restrained"], "|"), strings.Join(said["nothing offered"], "|"); a != b {
		t.Errorf("restrained it said %q, want %q", a, b)
	}
}

// TestRestrainClimbs: each restraint holds for what begins after it, within one Run too.
func TestRestrainClimbs(t *testing.T) {
	server, l := everything(), newList(60, 1, 100)
	data, chunks := 0, 0
	server.Heard = func(line string) {
		data, chunks = data+strings.Count(line, "DATA"), chunks+strings.Count(line, "BDAT")
	}
	s, run := session(t, server)
	climber := &climber{list: l, s: s}
	s.Peer.Restrain(LockStep)
	run(climber)
	// Ten one by one; the two in hand when each bound is lifted may keep to it.
	if len(l.decisions) != 60 || data < 10 || data > 12 || chunks < 48 || l.most < 10 || climber.most[OneTransaction] > 1 {
		t.Errorf("%d answered, %d by DATA, %d by BDAT, %d at once; restrained: %v", len(l.decisions), data, chunks, l.most, climber.most)
	}
}

// A climber lifts a restraint after each ten messages.
type climber struct {
	*list
	s    *Sender
	most map[Restraint]int // in flight, by restraint
}

func (c *climber) Begun(*Transaction) {
	if c.most == nil {
		c.most = map[Restraint]int{}
	}
	c.most[c.s.Peer.restraint] = max(c.most[c.s.Peer.restraint], len(c.s.flights))
}

func (c *climber) Answered(tx *Transaction, d []Decision) {
	c.list.Answered(tx, d)
	switch len(c.decisions) {
	case 10:
		c.s.Peer.Restrain(OneTransaction)
	case 20:
		c.s.Peer.Restrain(Unrestrained)
	}
}

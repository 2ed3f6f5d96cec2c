package smtp

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vodmr/internal/fdio"
	"vodmr/test/kit/customer"
)

// A met is what one session with a server came to.
type met struct {
	err   error
	s     *Sender
	trips int
	took  []string // senders, as the server took them
	heard []string
}

// meet runs a session with a server of which that much is known. The session may break.
func meet(server *customer.Server, known Evidence, l *list) met {
	m := met{}
	conn := newTurnConn()
	server.Take = func(from string, _ []string, _ []byte) { m.took = append(m.took, from) }
	server.Heard = func(line string) { m.heard = append(m.heard, line) }
	done := make(chan bool)
	go func() {
		_, _ = server.Serve(serverEnd{conn})
		serverEnd{conn}.close()
		close(done)
	}()
	m.s = NewSender(conn, StandardTimeouts(), DefaultWindow)
	m.s.Peer.Evidence = known
	if m.err = m.s.Hello("provider.test"); m.err == nil {
		before := conn.trips
		m.err = m.s.Run(l)
		m.trips = conn.trips - before
		_ = m.s.Quit()
	}
	serverEnd{conn}.hangUp()
	<-done
	return m
}

// hangUp gives the server the end of the stream.
func (c serverEnd) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	c.changed.Broadcast()
}

// bodies makes each message's content that many lines which are commands.
func bodies(l *list, commands string) {
	for _, tx := range l.waiting {
		tx.Body = []byte("Received: x\n" + commands)
		tx.Size = wireSize(tx.Body)
	}
}

// TestProbeRoundTrips: a server that is known costs no round trip more than before there
// was a probe; one that is not costs two in its first session, one for a single message.
func TestProbeRoundTrips(t *testing.T) {
	for _, test := range []struct {
		known          Evidence
		messages, want int
	}{
		{Drains, 1, 1}, {Drains, 4, 1}, {Drains, 200, 6},
		{Unproven, 1, 2}, {Unproven, 4, 2}, {Unproven, 200, 7}, {Undrained, 4, 5},
	} {
		m := meet(&customer.Server{Pipelining: true, Chunking: true}, test.known, newList(test.messages, 1, 100))
		if m.err != nil || m.trips != test.want || len(m.took) != test.messages {
			t.Errorf("%d messages, known as %d: %d round trips, want %d (%v)", test.messages, test.known, m.trips, test.want, m.err)
		}
		if want := max(test.known, Drains); m.s.Peer.Evidence != want {
			t.Errorf("known as %d: then as %d, want %d", test.known, m.s.Peer.Evidence, want)
		}
	}
}

// TestProbeAloneAtFirst: to a server that is not known no content goes before the
// probe's replies. Behind the first transaction it is said once more.
func TestProbeAloneAtFirst(t *testing.T) {
	const ok, passed = "250 ok\r\n", "250 ok\r\n501 no\r\n503 no\r\n250 ok\r\n"
	w := &watched{scripted: &scripted{says: []string{passed, ok + ok + ok + ok + passed + ok + ok + ok + ok}}}
	s := offers(w.scripted, "PIPELINING", "CHUNKING")
	s.link.conn, s.Peer.Evidence, s.Peer.probe.said = w, Unproven, 0
	l := newList(2, 1, 10)
	if err := s.Run(l); err != nil || len(l.decisions) != 2 || s.Peer.Evidence != Drains {
		t.Fatalf("%v, %d answered, known as %d", err, len(l.decisions), s.Peer.Evidence)
	}
	const probe = "MAIL FROM:<>\r\nRCPT TO:<>\r\nBDAT 9\r\nX-VODMR\r\nRSET\r\n"
	tx := func(i int) string {
		return fmt.Sprintf("MAIL FROM:<s%d@s.test>\r\nRCPT TO:<r%d-0@c.test>\r\nBDAT 11 LAST\r\nxxxxxxxxx\r\n", i, i)
	}
	want := []string{probe, probe + tx(0) + "RSET\r\n" + probe + tx(1) + "RSET\r\n"}
	if diff := cmp.Diff(want, w.rests); diff != "" {
		t.Errorf("told before each wait (-want +got):\n%s", diff)
	}
}

// TestServerThatObeysContent: whatever is refused, a server that takes the octets of a
// refused BDAT for commands loses nothing: it is found by the probe and gets DATA.
func TestServerThatObeysContent(t *testing.T) {
	const smuggled = "MAIL FROM:<boss@bank.test>\nRCPT TO:<victim@c.test>\nBDAT 6 LAST\nhello\nRSET\n"
	for name, refuse := range map[string]func(*customer.Server){
		"550":          func(s *customer.Server) { s.Rcpt = refusal("r2-0@c.test", "550 5.1.1 no such user") },
		"450":          func(s *customer.Server) { s.Rcpt = refusal("r2-0@c.test", "450 4.7.1 come later") },
		"refused MAIL": func(s *customer.Server) { s.Mail = refusal("s2@s.test", "550 5.7.1 no") },
	} {
		for kind, content := range map[string]string{"commands": "NOOP\nNOOP\nNOOP\nQUIT\n", "a transaction": smuggled} {
			for _, large := range []bool{false, true} {
				server := &customer.Server{Pipelining: true, Chunking: true, Obeys: true}
				refuse(server)
				l := newList(6, 1, 100)
				bodies(l, content)
				if tx := l.waiting[2]; large {
					tx.Stream, tx.Size = strings.NewReader("Received: x\n"+content+strings.Repeat("NOOP\n", 1<<20)), 7<<20
				}
				m := meet(server, Unproven, l)
				if m.err != nil || m.s.Peer.Evidence != Undrained || len(m.took) != 5 || len(l.decisions) != 6 {
					t.Errorf("%s, %s, large %v: %v; took %q, answered %d, known as %d", name, kind, large, m.err, m.took, len(l.decisions), m.s.Peer.Evidence)
				}
				for _, from := range m.took {
					if !strings.HasSuffix(from, "@s.test") {
						t.Errorf("%s, %s: it took a message from %s", name, kind, from)
					}
				}
			}
		}
	}
}

func refusal(address, reply string) func(string) string {
	return func(a string) string {
		if a == address {
			return reply
		}
		return ""
	}
}

// TestServerThatObeysContentNow: one that drained once and does not today ends the
// session at once: nothing behind the refused message is believed.
func TestServerThatObeysContentNow(t *testing.T) {
	server := &customer.Server{Pipelining: true, Chunking: true, Obeys: true, Rcpt: refusal("r0-0@c.test", "550 5.1.1 no")}
	l := newList(4, 1, 100)
	bodies(l, "NOOP\nNOOP\nNOOP\nNOOP\nQUIT\n")
	m := meet(server, Drains, l)
	if !errors.Is(m.err, ErrOutOfStep) || len(l.decisions) != 0 || m.s.Peer.Evidence != Undrained {
		t.Errorf("%v; %d answered, known as %d", m.err, len(l.decisions), m.s.Peer.Evidence)
	}
}

// TestTwoRepliesToLast: a server that replies twice to BDAT LAST, with codes or without,
// has no reply believed that is another's.
func TestTwoRepliesToLast(t *testing.T) {
	for _, noCode := range []bool{false, true} {
		server := &customer.Server{Pipelining: true, Chunking: true, Twice: true, NoCode: noCode,
			Content: func(from string, _ []string) string { return refusal("s1@s.test", "554 5.6.0 no")(from) }}
		l := newList(4, 1, 100)
		all := append([]*Transaction(nil), l.waiting...)
		m := meet(server, Unproven, l)
		if !errors.Is(m.err, ErrOutOfStep) || m.s.Peer.Evidence != Undrained || len(l.decisions) > 1 {
			t.Errorf("no code %v: %v; %d answered, known as %d", noCode, m.err, len(l.decisions), m.s.Peer.Evidence)
		}
		rest := newList(0, 1, 1)
		rest.waiting = all[1:]
		if m := meet(server, m.s.Peer.Evidence, rest); m.err != nil || len(m.took) != 2 || rest.decisions[all[1]][0].Reply.Code != 554 {
			t.Errorf("no code %v, then: %v; took %v", noCode, m.err, m.took)
		}
	}
}

// TestProbeAnswers: what each answer to the first probe makes of the server and of the
// session.
func TestProbeAnswers(t *testing.T) {
	const ok = "250 ok\r\n"
	const byDATA, byBDAT = ok + ok + "354 go\r\n", ok + ok + ok
	for name, test := range map[string]struct {
		says string
		then []string // to the transaction and what follows
		want Evidence
		ends bool
	}{
		"Postfix":             {ok + "501 5.1.3 bad\r\n554 5.5.1 no\r\n" + ok, []string{byBDAT + ok + ok + "501 n\r\n554 n\r\n" + ok}, Drains, false},
		"Exim":                {ok + "501 bad\r\n503-no\r\n503-no\r\n503 no\r\n" + ok, []string{byBDAT + ok + ok + "501 n\r\n554 n\r\n" + ok}, Drains, false},
		"MAIL refused":        {"550 no\r\n503 no\r\n503 no\r\n" + ok, []string{byDATA, ok + ok}, Unproven, false},
		"MAIL deferred":       {"451 no\r\n503 no\r\n503 no\r\n" + ok, []string{byDATA, ok + ok}, Unproven, false},
		"obeys":               {ok + "501 no\r\n502 no\r\n500 what\r\n" + ok, []string{byDATA, ok + ok}, Undrained, false},
		"takes <>":            {ok + ok + ok + ok, []string{byDATA, ok + ok}, Undrained, false},
		"takes <>, not BDAT":  {ok + ok + "502 no\r\n" + ok, []string{byDATA, ok + ok}, Undrained, false},
		"yes to BDAT":         {ok + "550 no\r\n" + ok + ok, []string{byDATA, ok + ok}, Undrained, false},
		"refuses RSET":        {ok + "501 no\r\n502 no\r\n502 no\r\n", nil, Undrained, true},
		"refuses RSET twice":  {ok + "501 no\r\n502 no\r\n502 no\r\n502 no\r\n", nil, Undrained, true},
		"hangs up":            {"", nil, Undrained, true},
		"hangs up over BDAT":  {ok + "501 no\r\n", nil, Undrained, true},
		"421 over BDAT":       {ok + "501 no\r\n421 4.7.0 too many errors\r\n", nil, Undrained, true},
		"354 to BDAT":         {ok + "501 no\r\n354 go\r\n" + ok, nil, OutOfStep, true},
		"one more, a yes":     {ok + "501 no\r\n502 no\r\n" + ok + ok, nil, OutOfStep, true},
		"a code of content's": {"250 2.6.0 queued\r\n", nil, OutOfStep, true},
	} {
		p := &scripted{says: append([]string{test.says}, test.then...)}
		if test.says == "" {
			p.says = nil
		}
		s := offers(p, "PIPELINING", "CHUNKING")
		s.Peer.Evidence, s.Peer.probe.said = Unproven, 0
		l := newList(1, 1, 10)
		err := s.Run(l)
		if s.Peer.Evidence != test.want || (err != nil) != test.ends || len(l.decisions) == 1 == test.ends {
			t.Errorf("%s: known as %d, want %d; %v, %d answered", name, s.Peer.Evidence, test.want, err, len(l.decisions))
		}
		if strings.Contains(p.written.String(), "s0@") == test.ends {
			t.Errorf("%s: it was told %q", name, p.written.String())
		}
	}
}

// TestProbeOfKnown: one broken session is no proof against a server that passed before.
func TestProbeOfKnown(t *testing.T) {
	p := &scripted{says: []string{"250 ok\r\n"}, end: fdio.ErrTimeout}
	s := offers(p, "PIPELINING", "CHUNKING")
	s.Peer.probe.said = 0
	if err := s.Run(newList(1, 1, 10)); !isTimeout(err) || s.Peer.Evidence != Unproven {
		t.Errorf("%v, known as %d", err, s.Peer.Evidence)
	}
}

// TestNoProbe: none if no BDAT will be used.
func TestNoProbe(t *testing.T) {
	for name, server := range map[string]*customer.Server{
		"no CHUNKING":   {Pipelining: true},
		"no PIPELINING": {Chunking: true},
		"few MAILs":     {Pipelining: true, Chunking: true, Offers: []string{"LIMITS MAILMAX=3"}, MailMax: 3},
	} {
		m := meet(server, Unproven, newList(3, 1, 10))
		if said := strings.Join(m.heard, "|"); m.err != nil || len(m.took) != 3 || strings.Contains(said, "BDAT") || strings.Contains(said, "FROM:<>") {
			t.Errorf("%s: %v, took %v, heard %s", name, m.err, m.took, said)
		}
	}
}

// TestNoDATA: a server that knows no DATA gets content by BDAT, but only behind a
// recipient that it has accepted.
func TestNoDATA(t *testing.T) {
	server := &customer.Server{Pipelining: true, Chunking: true, Obeys: true, NoDATA: true, Rcpt: refusal("r2-0@c.test", "550 5.1.1 no")}
	l := newList(6, 1, 100)
	all := append([]*Transaction(nil), l.waiting...)
	bodies(l, "NOOP\nNOOP\nNOOP\nQUIT\n")
	all[4].Stream, all[4].Size = strings.NewReader(strings.Repeat("NOOP\n", 1<<19)), 4<<20
	m := meet(server, Unproven, l)
	if got := answered(l, all); m.err != nil || got != "250 250 550 250 250 250" || strings.Contains(strings.Join(m.heard, "|"), "NOOP") {
		t.Errorf("%v; answered %s, took %v", m.err, got, m.took)
	}
}

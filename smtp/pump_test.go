package smtp

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
	"vodmr/test/kit/customer"
)

// offers makes a Sender to a scripted peer that has greeted and offered these.
func offers(p *scripted, keywords ...string) *Sender {
	s := NewSender(p, testTimeouts(), DefaultWindow)
	s.Peer.Extensions = ParseExtensions(append([]string{"mx.test"}, keywords...))
	s.Peer.Evidence, s.Peer.probe.said = Drains, 1 // the probe has tests of its own
	return s
}

// TestPatience: each awaited reply has its own bound.
func TestPatience(t *testing.T) {
	const bad = "451 4.3.0 not now\r\n"
	const ok = "250 ok\r\n"
	for _, test := range []struct {
		name  string
		offer []string
		says  []string
		want  []int
	}{
		{"lock step", nil, []string{ok, ok, "354 go\r\n", ok, ok, ok, "354 go\r\n", ok}, []int{2, 3, 4, 6, 2, 3, 4, 6}},
		{"RSET behind a refusal", nil, []string{bad, ok, ok, ok, "354 go\r\n", ok}, []int{2, 7, 2, 3, 4, 6}},
		{"PIPELINING", []string{"PIPELINING"}, []string{ok, ok, "354 go\r\n", ok, ok, ok, ok, "354 go\r\n", ok, ok}, []int{2, 3, 4, 6, 7, 2, 3, 4, 6, 7}},
		{"CHUNKING", []string{"PIPELINING", "CHUNKING"}, []string{ok, ok, ok, ok, ok, ok, ok, ok}, []int{2, 3, 6, 7, 2, 3, 6, 7}},
		{"a reply in pieces", []string{"PIPELINING", "CHUNKING"}, []string{"25", "0-o", "k\r\n250 ok\r\n", ok, ok + ok + ok + ok, ok, ok}, []int{2, 2, 2, 3, 6, 6, 7}},
	} {
		p := &scripted{says: test.says}
		l := newList(2, 1, 100)
		if err := offers(p, test.offer...).Run(l); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if diff := cmp.Diff(test.want, hours(p.deadlines)); diff != "" {
			t.Errorf("%s: hours waited (-want +got):\n%s", test.name, diff)
		}
		if len(l.decisions) != 2 {
			t.Errorf("%s: %d messages answered", test.name, len(l.decisions))
		}
	}
}

// TestNoReply: a server that says no more breaks the session, and only what it
// got whole is in doubt.
func TestNoReply(t *testing.T) {
	p := &scripted{says: []string{"250 ok\r\n250 ok\r\n250 taken\r\n250 ok\r\n"}, end: fdio.ErrTimeout}
	s := offers(p, "PIPELINING", "CHUNKING")
	l := newList(3, 1, 100)
	all := append([]*Transaction(nil), l.waiting...)
	err := s.Run(l)
	var broken *BrokenError
	if !errors.As(err, &broken) || !isTimeout(err) {
		t.Errorf("Run returned %v", err)
	}
	want := []Unanswered{{all[1], true, true, true}, {all[2], true, true, true}}
	if diff := cmp.Diff(want, s.Unanswered()); diff != "" || len(l.decisions) != 1 {
		t.Errorf("%d answered, unanswered (-want +got):\n%s", len(l.decisions), diff)
	}
}

// TestNoReplyInLockStep: before its content was said nothing is in doubt.
func TestNoReplyInLockStep(t *testing.T) {
	for says, doubt := range map[string]bool{"": false, "250 ok\r\n": false, "250 ok\r\n250 ok\r\n": false, "250 ok\r\n250 ok\r\n354 go\r\n": true} {
		p := &scripted{says: strings.SplitAfter(says, "\n"), end: fdio.ErrTimeout}
		p.says = p.says[:len(p.says)-1]
		s := offers(p)
		err := s.Run(newList(2, 1, 100))
		if left := s.Unanswered(); !isTimeout(err) || len(left) != 1 || left[0].Doubt != doubt || left[0].Asked != (says == "") {
			t.Errorf("after %q: %v, unanswered %+v", says, err, left)
		}
	}
}

// TestWriteFails: if the writing fails, the replies to what went out before
// still count, nothing more is written, and the rest is unanswered.
func TestWriteFails(t *testing.T) {
	const ok = "250 2.0.0 ok\r\n"
	session := &scripted{says: strings.SplitAfter(strings.Repeat(ok, 12), "\n")[:12]}
	if err := offers(session, "PIPELINING", "CHUNKING").Run(newList(3, 1, 100)); err != nil {
		t.Fatal(err)
	}
	whole := session.written.String()
	for _, test := range []struct {
		name     string
		take     int // octets
		says     string
		answered int
		doubt    []bool // of what is unanswered
		rounds   int    // for replies: none when all that are owed have come
	}{
		{"within the last content", len(whole) - 50, strings.Repeat(ok, 10), 2, []bool{false}, 1},
		{"and the replies stop early", len(whole) - 50, strings.Repeat(ok, 3), 1, []bool{true, false}, 2},
		{"and no reply comes", len(whole) - 50, "", 0, []bool{true, true, false}, 1},
		{"on the last octet, the last RSET's", len(whole) - 1, strings.Repeat(ok, 10), 2, []bool{true}, 2},
		{"within the second MAIL", strings.Index(whole, "s1@"), strings.Repeat(ok, 4), 1, []bool{false, false}, 1},
		{"on the first octet behind the first content", strings.Index(whole, "RSET"), strings.Repeat(ok, 3), 1, []bool{false, false}, 1},
		{"and 421 says why", len(whole) - 50, strings.Repeat(ok, 3) + "421 4.3.2 full\r\n", 1, []bool{true, false}, 1},
	} {
		p := &scripted{take: test.take, writeErr: io.ErrClosedPipe}
		if test.says != "" {
			p.says = []string{test.says}
		}
		s := offers(p, "PIPELINING", "CHUNKING")
		l := newList(3, 1, 100)
		err := s.Run(l)
		var broken *BrokenError
		var closing *ClosingError
		if strings.Contains(test.says, "421") {
			if !errors.As(err, &closing) {
				t.Errorf("%s: Run returned %v", test.name, err)
			}
		} else if !errors.As(err, &broken) || !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: Run returned %v", test.name, err)
		}
		var doubt []bool
		for _, u := range s.Unanswered() {
			doubt = append(doubt, u.Doubt)
		}
		if diff := cmp.Diff(test.doubt, doubt); diff != "" || len(l.decisions) != test.answered {
			t.Errorf("%s: %d answered, want %d; doubt (-want +got):\n%s", test.name, len(l.decisions), test.answered, diff)
		}
		if len(p.deadlines) != test.rounds {
			t.Errorf("%s: waited %d times, want %d", test.name, len(p.deadlines), test.rounds)
		}
		if got := p.written.String(); got != whole[:test.take] {
			t.Errorf("%s: %d octets were written, want %d", test.name, len(got), test.take)
		}
	}
}

// A slow peer takes one octet a write, and then none; it notes the deadlines by
// which it had to.
type slow struct {
	*turnConn
	take      int // octets; 0 for all
	taken     int
	set       time.Time
	deadlines []time.Time
}

func (s *slow) SetDeadline(t time.Time) error {
	s.set = t
	return nil
}

func (s *slow) Exchange(out, in []byte) (wrote, read int, err error) {
	if len(out) == 0 {
		return s.turnConn.Exchange(nil, in)
	}
	if len(s.deadlines) == 0 || !s.deadlines[len(s.deadlines)-1].Equal(s.set) {
		s.deadlines = append(s.deadlines, s.set)
	}
	if s.taken == s.take && s.take > 0 {
		return 0, 0, fdio.ErrTimeout
	}
	s.taken++
	return s.turnConn.Exchange(out[:1], in)
}

// TestOneOctetAtATime: everything arrives in every mode.
func TestOneOctetAtATime(t *testing.T) {
	for _, mode := range []customer.Server{{}, {Pipelining: true}, {Pipelining: true, Chunking: true}, {Chunking: true}} {
		server := mode
		var got []string
		server.Take = func(_ string, _ []string, content []byte) { got = append(got, string(content)) }
		conn := &slow{turnConn: newTurnConn()}
		done := make(chan error, 1)
		go func() {
			_, err := server.Serve(serverEnd{conn.turnConn})
			serverEnd{conn.turnConn}.close()
			done <- err
		}()
		s := NewSender(conn, testTimeouts(), DefaultWindow)
		l := newList(5, 2, 300)
		if err := errors.Join(s.Hello("relay.test"), s.Run(l), s.Quit(), <-done); err != nil {
			t.Errorf("%+v: %v", mode, err)
		}
		want := strings.Repeat("x", 299) + "\r\n"
		if len(l.decisions) != 5 || len(got) != 5 || got[4] != want {
			t.Errorf("%+v: %d messages answered, %d taken", mode, len(l.decisions), len(got))
		}
	}
}

// TestBlockTimeout: a peer that takes an octet now and then gets no more time for
// it: each 16 KiB have their own bound, and one that takes none ends the session.
func TestBlockTimeout(t *testing.T) {
	const blocks = 3
	conn := &slow{turnConn: newTurnConn(), take: blocks*writeBlock + 100}
	s := offers(nil, "PIPELINING", "CHUNKING")
	s.link.conn = conn
	// Writing is the only bound that can pass.
	s.link.timeouts = SameTimeouts(1000 * time.Hour)
	s.link.timeouts.Block = 3 * time.Hour
	start := time.Now()
	err := s.Run(newList(1, 1, 10*writeBlock))
	if !isTimeout(err) {
		t.Errorf("Run returned %v", err)
	}
	if len(conn.deadlines) != blocks+1 {
		t.Errorf("%d bounds for %d blocks and a bit: %v", len(conn.deadlines), blocks, conn.deadlines)
	}
	for _, d := range conn.deadlines {
		if d.Before(start.Add(3*time.Hour)) || d.After(time.Now().Add(3*time.Hour)) {
			t.Errorf("a bound of %v", d.Sub(start))
		}
	}
	if left := s.Unanswered(); len(left) != 1 || left[0].Doubt {
		t.Errorf("unanswered: %+v", left)
	}
}

// TestBothBlocked: a server that reads nothing while it writes, over a line that
// holds next to nothing, with long replies. A Sender that wrote without reading
// would wait for it for good.
func TestBothBlocked(t *testing.T) {
	const messages = 300
	for _, mode := range []customer.Server{{Pipelining: true, Chunking: true}, {Pipelining: true}} {
		t.Run(fmt.Sprintf("chunking %v", mode.Chunking), func(t *testing.T) {
			near, far := tinyPair(t)
			server := mode
			server.Padding = 400
			taken := map[string]bool{}
			server.Take = func(from string, _ []string, _ []byte) { taken[from] = true }
			done := make(chan error, 1)
			go func() {
				_, err := server.Serve(far)
				done <- err
			}()
			s := NewSender(near, SameTimeouts(time.Minute), DefaultWindow)
			l := newList(messages, 1, 2000)
			if err := errors.Join(s.Hello("relay.test"), s.Run(l), s.Quit()); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Error("the server: ", err)
			}
			if len(taken) != messages || len(l.decisions) != messages {
				t.Errorf("%d taken and %d answered of %d", len(taken), len(l.decisions), messages)
			}
		})
	}
}

// tinyPair is a connection with buffers that hold as little as the system lets them.
func tinyPair(t *testing.T) (near, far *fdio.Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		t.Cleanup(func() { unix.Close(fd) })
		for _, option := range []int{unix.SO_SNDBUF, unix.SO_RCVBUF} {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 2048); err != nil {
				t.Fatal(err)
			}
		}
	}
	return fdio.New(fds[0], fds[0]), fdio.New(fds[1], fds[1])
}

package smtp

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vodmr/internal/fdio"
)

// A scripted peer is a Duplex that answers by a script, one step an awaited reply:
// it takes what is written, says step after step when it is waited for, and then
// fails.
type scripted struct {
	says     []string
	end      error // behind the last step; io.EOF where nil
	take     int   // octets that it takes before writing fails; 0 for all
	writeErr error

	written   strings.Builder
	deadline  time.Time
	deadlines []time.Duration // from now, at each wait
}

func (s *scripted) SetDeadline(t time.Time) error {
	s.deadline = t
	return nil
}

func (s *scripted) Exchange(out, in []byte) (wrote, read int, err error) {
	if len(out) > 0 {
		if s.take > 0 {
			out = out[:min(len(out), s.take-s.written.Len())]
		}
		if len(out) > 0 {
			s.written.Write(out)
			return len(out), 0, nil
		}
		return 0, 0, &fdio.WriteError{Err: s.writeErr}
	}
	s.deadlines = append(s.deadlines, time.Until(s.deadline))
	if len(s.says) == 0 {
		if s.end == nil {
			return 0, 0, io.EOF
		}
		return 0, 0, s.end
	}
	n := copy(in, s.says[0])
	if s.says[0] = s.says[0][n:]; s.says[0] == "" {
		s.says = s.says[1:]
	}
	return 0, n, nil
}

// testTimeouts tells each apart by its length.
func testTimeouts() Timeouts {
	return Timeouts{Greeting: 1 * time.Hour, Mail: 2 * time.Hour, Rcpt: 3 * time.Hour, DataStart: 4 * time.Hour,
		Block: 50 * time.Hour, Final: 6 * time.Hour, Other: 7 * time.Hour}
}

// hours rounds the deadlines up.
func hours(deadlines []time.Duration) (h []int) {
	for _, d := range deadlines {
		h = append(h, int((d+time.Hour-1)/time.Hour))
	}
	return h
}

func TestHello(t *testing.T) {
	for _, test := range []struct {
		name    string
		peer    scripted
		written string
		want    Extensions
		err     string // what the error starts with
	}{
		{"EHLO", scripted{says: []string{"220 mx.test\r\n", "250-mx.test\r\n250-PIPELINING\r\n250 CHUNKING\r\n"}},
			"EHLO relay.test\r\n", Extensions{Pipelining: true, Chunking: true}, ""},
		{"a greeting of several lines, in pieces", scripted{says: []string{"220-mx.te", "st\r\n220-no UCE\r\n22", "0 ready\r\n", "250 mx.test\r\n"}},
			"EHLO relay.test\r\n", Extensions{}, ""},
		{"EHLO unknown", scripted{says: []string{"220 mx.test\r\n", "500 5.5.1 what?\r\n", "250 mx.test\r\n"}},
			"EHLO relay.test\r\nHELO relay.test\r\n", Extensions{}, ""},
		{"EHLO refused for now", scripted{says: []string{"220 mx.test\r\n", "450-PIPELINING\r\n450 CHUNKING\r\n", "250 mx.test\r\n"}},
			"EHLO relay.test\r\nHELO relay.test\r\n", Extensions{}, ""},
		{"HELO refused", scripted{says: []string{"220 mx.test\r\n", "500 what?\r\n", "550 5.7.1 no\r\n"}},
			"EHLO relay.test\r\nHELO relay.test\r\n", Extensions{}, "HELO refused: 550 5.7.1 no"},
		{"greeting refused", scripted{says: []string{"554 5.7.1 no mail here\r\n"}},
			"", Extensions{}, "greeting refused: 554 5.7.1 no mail here"},
		{"greeting of no class", scripted{says: []string{"354 go\r\n"}}, "", Extensions{}, "greeting refused: 354"},
		{"421 greets", scripted{says: []string{"421 4.3.2 busy\r\n"}}, "", Extensions{}, "the server is closing: 421 4.3.2 busy"},
		{"421 to EHLO", scripted{says: []string{"220 mx.test\r\n", "421 busy\r\n"}},
			"EHLO relay.test\r\n", Extensions{}, "the server is closing: 421 busy"},
		{"421 to HELO", scripted{says: []string{"220 mx.test\r\n", "502 no\r\n", "421 busy\r\n"}},
			"EHLO relay.test\r\nHELO relay.test\r\n", Extensions{}, "the server is closing: 421 busy"},
		{"no SMTP", scripted{says: []string{"SSH-2.0-x\r\n"}}, "", Extensions{}, "the connection broke: not an SMTP reply"},
		{"hung up", scripted{}, "", Extensions{}, "the connection broke: closed by"},
		{"hung up within a greeting", scripted{says: []string{"220-mx"}}, "", Extensions{}, "the connection broke: closed by"},
		{"hung up on EHLO", scripted{says: []string{"220 mx.test\r\n"}},
			"EHLO relay.test\r\n", Extensions{}, "the connection broke: closed by"},
		{"no greeting in time", scripted{end: fdio.ErrTimeout}, "", Extensions{}, "the connection broke: timed out"},
		{"no reply in time", scripted{says: []string{"220 mx.test\r\n", "250-mx.test\r\n"}, end: fdio.ErrTimeout},
			"EHLO relay.test\r\n", Extensions{}, "the connection broke: timed out"},
		{"two greetings", scripted{says: []string{"220 mx.test\r\n220 mx.test\r\n", "250 mx.test\r\n"}},
			"", Extensions{}, "the connection broke: not an SMTP reply: more than one"},
		{"421 instead of taking EHLO", scripted{says: []string{"220 mx.test\r\n", "421 busy\r\n"}, take: 5, writeErr: io.ErrClosedPipe},
			"EHLO ", Extensions{}, "the server is closing: 421 busy"},
		{"nothing instead of taking EHLO", scripted{says: []string{"220 mx.test\r\n"}, take: 5, writeErr: io.ErrClosedPipe},
			"EHLO ", Extensions{}, "the connection broke: write: io: read/write on closed pipe"},
	} {
		s := NewSender(&test.peer, testTimeouts(), DefaultWindow)
		err := s.Hello("relay.test")
		if (err == nil) != (test.err == "") || err != nil && !strings.HasPrefix(err.Error(), test.err) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.err)
		}
		if test.peer.written.String() != test.written {
			t.Errorf("%s: wrote %q, want %q", test.name, test.peer.written.String(), test.written)
		}
		if diff := cmp.Diff(test.want, s.Peer.Extensions); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// TestHelloErrors: callers tell these apart by type, and a time-out by its method.
func TestHelloErrors(t *testing.T) {
	hello := func(p scripted) error { return NewSender(&p, testTimeouts(), 1).Hello("relay.test") }
	var refused *RefusedError
	if err := hello(scripted{says: []string{"554 no\r\n"}}); !errors.As(err, &refused) || refused.What != "greeting" || refused.Reply.Code != 554 {
		t.Errorf("refused: %#v", err)
	}
	var closing *ClosingError
	if err := hello(scripted{says: []string{"421 no\r\n"}}); !errors.As(err, &closing) || closing.Reply.Code != 421 {
		t.Errorf("closing: %#v", err)
	}
	var broken *BrokenError
	if err := hello(scripted{end: fdio.ErrTimeout}); !errors.As(err, &broken) || !isTimeout(err) {
		t.Errorf("timed out: %#v", err)
	}
}

// TestHelloTimeouts: each wait has its own bound, and a server that sends a line
// from time to time does not lengthen it.
func TestHelloTimeouts(t *testing.T) {
	p := &scripted{says: []string{"220-mx.test\r\n", "220 ready\r\n", "500 what?\r\n", "250 ok\r\n", "221 bye\r\n"}}
	s := NewSender(p, testTimeouts(), 1)
	if err := s.Hello("relay.test"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{1, 1, 7, 7}, hours(p.deadlines)); diff != "" {
		t.Errorf("hours waited (-want +got):\n%s", diff)
	}
	first := p.deadlines[0]
	if p.deadlines[1] > first {
		t.Errorf("a line of the greeting lengthened the wait from %v to %v", first, p.deadlines[1])
	}
	if err := s.Quit(); err != nil {
		t.Fatal(err)
	}
	if last := p.deadlines[4]; last > quitTime || last < quitTime/2 {
		t.Errorf("QUIT waits %v, want %v", last, quitTime)
	}
	if !strings.HasSuffix(p.written.String(), "QUIT\r\n") {
		t.Errorf("wrote %q", p.written.String())
	}
}

// TestHelloNotWritten: a server that did not get the whole EHLO will not answer
// it; only what it said before is waited for, and that not for long.
func TestHelloNotWritten(t *testing.T) {
	p := &scripted{says: []string{"220 mx.test\r\n"}, take: 5, writeErr: io.ErrClosedPipe, end: fdio.ErrTimeout}
	err := NewSender(p, testTimeouts(), 1).Hello("relay.test")
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Hello returned %v", err)
	}
	if last := p.deadlines[len(p.deadlines)-1]; last > quitTime || last < quitTime/2 {
		t.Errorf("waited %v, want %v", last, quitTime)
	}
}

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

// A watched peer notes what it has been told each time that it is waited for.
type watched struct {
	*scripted
	rests []string
	wake  int // how many waits end with nothing done
}

func (w *watched) Exchange(out, in []byte) (wrote, read int, err error) {
	if len(out) == 0 && w.wake > 0 {
		w.wake--
		return 0, 0, nil
	}
	if len(out) == 0 {
		w.rests = append(w.rests, w.written.String())
	}
	return w.scripted.Exchange(out, in)
}

// atRest makes a Sender that has sent what there was.
func atRest(says ...string) (*watched, *Sender) {
	w := &watched{scripted: &scripted{says: says}}
	s := offers(w.scripted, "PIPELINING", "CHUNKING")
	s.link.conn = w
	return w, s
}

// TestNoop: any reply but 421 is a sign of life, and is matched to its NOOP.
func TestNoop(t *testing.T) {
	for _, reply := range []string{"250 ok", "451 4.3.0 not now", "500 5.5.1 what?", "250-two\r\n250 lines"} {
		w, s := atRest(reply + "\r\n")
		start := time.Now()
		s.Noop()
		s.Noop() // one is enough
		if err := s.Run(newList(0, 1, 1)); err != nil || w.written.String() != "NOOP\r\n" {
			t.Errorf("%q: %v, said %q", reply, err, w.written.String())
		}
		if d := w.deadlines[0]; d > noopTime || w.deadline.Before(start.Add(noopTime)) {
			t.Errorf("%q: waited at most %v", reply, d)
		}
		s.Noop()
		if err := s.Run(newList(0, 1, 1)); !errors.Is(err, ErrHungUp) {
			t.Errorf("the second: %v, want %v", err, ErrHungUp)
		}
	}
}

// TestNoopFails: what ends a session that only said NOOP leaves nothing unanswered.
func TestNoopFails(t *testing.T) {
	for _, test := range []struct {
		says string
		end  error
		want error
	}{
		{"", fdio.ErrTimeout, fdio.ErrTimeout},
		{"", nil, ErrHungUp},
		{"250 ok\r\n250 ok\r\n", nil, ErrNotSMTP},
		{"354 go\r\n", nil, ErrNotSMTP},
		{"hello\r\n", nil, ErrNotSMTP},
	} {
		w, s := atRest(test.says)
		w.end = test.end
		if test.says == "" {
			w.says = nil
		}
		s.Noop()
		err := s.Run(newList(0, 1, 1))
		var broken *BrokenError
		if !errors.As(err, &broken) || !errors.Is(err, test.want) || len(s.Unanswered()) > 0 {
			t.Errorf("%q: %v, want %v; unanswered %v", test.says, err, test.want, s.Unanswered())
		}
	}
	_, s := atRest("421 4.7.0 enough\r\n")
	s.Noop()
	var closing *ClosingError
	if err := s.Run(newList(0, 1, 1)); !errors.As(err, &closing) {
		t.Errorf("421: %v", err)
	}
}

// TestNothingBeginsBehindNoop: a line that proves dead carries no mail.
func TestNothingBeginsBehindNoop(t *testing.T) {
	w, s := atRest("250 noop\r\n", "250 ok\r\n250 ok\r\n250 taken\r\n250 reset\r\n")
	l := newList(1, 1, 10)
	s.Noop()
	if err := s.Run(l); err != nil || len(l.decisions) != 1 {
		t.Fatalf("%v, %d answered", err, len(l.decisions))
	}
	if w.rests[0] != "NOOP\r\n" || !strings.HasPrefix(w.rests[1], "NOOP\r\nMAIL FROM:<s0@s.test>\r\n") {
		t.Errorf("told before each wait: %q", w.rests)
	}
}

// TestNoopBehindMail: NOOP may be asked for while mail is under way; the replies
// are matched in order.
func TestNoopBehindMail(t *testing.T) {
	_, s := atRest("250 ok\r\n250 ok\r\n250 taken\r\n250 reset\r\n250 noop\r\n")
	l := newList(1, 1, 10)
	s.emit(l)
	s.Noop()
	if err := s.Run(l); err != nil || len(l.decisions) != 1 {
		t.Errorf("%v, %d answered", err, len(l.decisions))
	}
}

// TestWoken: an Exchange that did nothing changes nothing, wherever it comes.
func TestWoken(t *testing.T) {
	w, s := atRest("220 mx.test\r\n", "250-mx.test\r\n250 PIPELINING\r\n", "250 ok\r\n250 ok\r\n354 go\r\n", "250 ok\r\n250 reset\r\n", "221 bye\r\n")
	l := newList(1, 1, 10)
	w.wake = 3
	err := s.Hello("provider.test")
	w.wake = 3
	err = errors.Join(err, s.Run(l))
	w.wake = 3
	err = errors.Join(err, s.Quit())
	if err != nil || len(l.decisions) != 1 || w.wake != 0 {
		t.Errorf("%v, %d answered, %d wakes left", err, len(l.decisions), w.wake)
	}
}

// TestIdle: what a server may say at rest, and what it may not.
func TestIdle(t *testing.T) {
	for _, test := range []struct {
		says []string
		want any // nil: the rest is over
	}{
		{nil, nil},
		{[]string{"421 4.4.2 bye\r\n"}, new(*ClosingError)},
		{[]string{"42", "1-4.4.2 idle", "\r\n421 bye\r\n"}, new(*ClosingError)},
		{[]string{"250 ok\r\n"}, new(*BrokenError)},
		{[]string{"550 5.0.0 no\r\n421 bye\r\n"}, new(*BrokenError)},
		{[]string{"what\r\n"}, new(*BrokenError)},
		{[]string{"42"}, nil},
	} {
		_, s := atRest(test.says...)
		rests := 0
		err := s.Idle(func() (bool, error) {
			rests++
			return rests <= len(test.says), nil
		})
		if test.want == nil && err != nil || test.want != nil && !errors.As(err, test.want) {
			t.Errorf("%q: %v", test.says, err)
		}
	}
	_, s := atRest()
	if err := s.Idle(func() (bool, error) { return true, nil }); !errors.Is(err, ErrHungUp) {
		t.Errorf("the end of the stream: %v, want %v", err, ErrHungUp)
	}
	_, s = atRest()
	if err := s.Idle(func() (bool, error) { return false, io.ErrNoProgress }); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a rest that fails: %v", err)
	}
}

// TestIdleKeepsNothing: a standing session holds no memory for what it sent.
func TestIdleKeepsNothing(t *testing.T) {
	_, s := atRest("250 ok\r\n250 ok\r\n", "250 taken\r\n250 reset\r\n")
	l := newList(1, 1, 10)
	tx := l.waiting[0]
	tx.Body, tx.Stream, tx.Size = nil, strings.NewReader(strings.Repeat("x\n", 300<<10)), 900<<10
	if err := s.Run(l); err != nil {
		t.Fatal(err)
	}
	if cap(s.stream.chunked) < 500<<10 {
		t.Fatalf("only %d bytes were held meanwhile", cap(s.stream.chunked))
	}
	if err := s.Idle(func() (bool, error) { return false, nil }); err != nil {
		t.Fatal(err)
	}
	if got, want := []int{cap(s.link.out), cap(s.stream.piece), cap(s.stream.chunked), cap(s.link.parser.buf)}, []int{0, 0, 0, 0}; !cmp.Equal(got, want) {
		t.Errorf("bytes held: %v", got)
	}
}

// TestJudging: a server that has a whole message and says nothing may be reading it.
func TestJudging(t *testing.T) {
	for says, want := range map[string]bool{
		"":                                   false,
		"250 ok\r\n250 ok\r\n":               false,
		"250 ok\r\n250 ok\r\n354 go\r\n":     true,
		"250 ok\r\n250 ok\r\n354 go\r\n250 ": true,
	} {
		p := &scripted{end: fdio.ErrTimeout}
		if says != "" {
			p.says = []string{says}
		}
		s := offers(p, "PIPELINING")
		if err := s.Run(newList(1, 1, 10)); !isTimeout(err) {
			t.Fatalf("%q: %v", says, err)
		}
		if s.Judging() != want {
			t.Errorf("after %q: Judging is %v", says, !want)
		}
	}
}

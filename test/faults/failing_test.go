package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestBore: a failure that costs something needs a word in the log, keeps no more
// than a transaction back, and an interrupted call costs nothing.
func TestBore(t *testing.T) {
	eio, eintr := failure{"EIO", syscall.EIO}, failure{"EINTR", syscall.EINTR}
	const word = "vodmr-relay: 1 error error=\"input/output error\"\n"
	for _, test := range []struct {
		name  string
		e     failure
		one   session
		gone  int // of the messages that should go
		wrong string
	}{
		{"nothing happened", eio, session{cleanEnd: true}, 7, ""},
		{"a word, and one is left", eio, session{cleanEnd: true, log: word}, 6, ""},
		{"one is left without a word", eio, session{cleanEnd: true}, 6, `no word of "input/output error"`},
		{"a broken session without a word", eio, session{code: 111}, 7, `no word of "input/output error"`},
		{"a broken session", eio, session{code: 111, log: word}, 0, ""},
		{"QUIT could not be said", eio, session{}, 7, ""},
		{"Go gave up", eio, session{code: 2, log: "fatal error: no thread\n"}, 0, ""},
		{"too many are left", eio, session{cleanEnd: true, log: word}, 4, "EIO kept 3 messages back"},
		{"interrupted", eintr, session{cleanEnd: true, log: word}, 6, "EINTR was not repeated"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := testSite(t)
			for _, m := range s.messages {
				if m.expected != stays && test.gone > 0 {
					test.gone--
					must(t, s.remove(m))
				}
			}
			s.checkFailure(&test.one, test.e)
			s.expect(t, test.wrong)
		})
	}
}

// TestDoubted: what went twice must have been doubted.
func TestDoubted(t *testing.T) {
	s := testSite(t)
	first, second := s.messages[0], s.messages[1]
	first.taken, second.taken = 2, 2
	s.checkDoubts(&session{log: "vodmr-relay: 1 doubt file=new/" + first.file + " from=<>\n"})
	s.expect(t, "without a word of doubt: "+second.file)
	if len(s.wrong) != 1 {
		t.Errorf("%q, want one", s.wrong)
	}
}

// TestEachErrorIsTried: at each call, or one at each call in turn.
func TestEachErrorIsTried(t *testing.T) {
	for n, want := range map[int]string{1: "EIO 1", 7: "EINTR 1", 8: "EIO 2", 21: "EINTR 3"} {
		e, nth := failed{each: true}.at("openat", n)
		if got := e.name + " " + string(rune('0'+nth)); got != want {
			t.Errorf("point %d: %s, want %s", n, got, want)
		}
	}
	if e, nth := (failed{}).at("openat", 9); e.name != "ENOSPC" || nth != 9 {
		t.Errorf("in turn: %s at %d", e.name, nth)
	}
	for _, e := range failuresOf("clone") {
		if e.errno == syscall.EINTR {
			t.Error("no kernel interrupts clone")
		}
	}
}

func (s *site) remove(m *message) error {
	return os.Remove(filepath.Join(s.home, "Maildir/new", m.file))
}

// TestInterrupted: what a signal interrupts is done again.
func TestInterrupted(t *testing.T) {
	if !canInject() {
		t.Skip("inject needs Linux on amd64")
	}
	for _, call := range []string{"fstat", "newfstatat", "setlk"} {
		for n := 1; ; n++ {
			s := testSite(t)
			w := s.wire(call, "EINTR", n)
			one := s.session(w.wrap)
			if fired, _ := w.struck(); !fired {
				break
			}
			s.checkFailure(one, failure{"EINTR", syscall.EINTR})
			s.expect(t, "")
		}
	}
}

// TestUnknownCall: a fault that cannot happen is no point that does not strike.
func TestUnknownCall(t *testing.T) {
	if !canInject() {
		t.Skip("inject needs Linux on amd64")
	}
	s := testSite(t)
	w := s.wire("wriet", "kill", 1)
	s.session(w.wrap)
	if w.struck(); s.trial.broken == nil {
		t.Error("nobody noticed")
	}
}

// TestTLSGivesUp: where vodmr-tls itself cannot send or receive it says so, and
// neither the customer nor the program waits for the other.
func TestTLSGivesUp(t *testing.T) {
	if !canInject() {
		t.Skip("inject needs Linux on amd64")
	}
	for call, most := range map[string]int{"sendmsg": 4, "recvfrom": 8} {
		for n := 1; n <= most; n++ {
			s := testSite(t)
			s.chain = tlsRelayChain()
			one := s.session(s.wire(call, "EIO", n).wrap)
			s.checkFailure(one, failure{"EIO", syscall.EIO})
			s.expect(t, "")
		}
	}
}

// TestExpireKnowsWhatWasTaken: where vodmr.notes cannot be read, nothing bounces that
// the customer has already.
func TestExpireKnowsWhatWasTaken(t *testing.T) {
	if !canInject() {
		t.Skip("inject needs Linux on amd64")
	}
	for n := 1; ; n++ {
		s := newExpiring(testTrial(t, n)).owned(t)
		w := s.wire("read", "EIO", n)
		one := s.session(w.wrap)
		if fired, _ := w.struck(); !fired {
			break
		}
		if one.code != exitLoader {
			s.checkFailure(one, failure{"EIO", syscall.EIO})
		}
		s.settle(one.broken())
		s.expect(t, "")
	}
}

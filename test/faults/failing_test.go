package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"vodmr/test/kit/require"
)

// TestCheckFailure: if a failure costs something, the log must say so. It may keep back one
// transaction at most, and an interrupted call costs nothing.
func TestCheckFailure(t *testing.T) {
	eio, eintr := failure{"EIO", syscall.EIO}, failure{"EINTR", syscall.EINTR}
	const word = "vodmr-relay: 1 error error=\"input/output error\"\n"
	for _, test := range []struct {
		name  string
		e     failure
		one   session
		gone  int // of the messages that should have left
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
					require.OK(t, s.remove(m))
				}
			}
			s.checkFailure(&test.one, test.e)
			s.expect(t, test.wrong)
		})
	}
}

// TestDoubted: if a message went twice, the broken session must have logged a doubt.
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

// TestEachErrorIsTried: every error at each call, or one error at each call in turn.
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

// TestInterrupted: a call is repeated if a signal interrupted it.
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

// TestUnknownCall: if inject does not know the call, that is an error, and not a
// point that does not strike.
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

// TestTLSGivesUp: if vodmr-tls itself cannot send or receive, it says so, and neither
// the customer nor vodmr waits for the other.
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

// TestExpireKnowsWhatWasTaken: if vodmr.notes cannot be read, no message bounces that
// the customer already has.
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

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/test/kit/logformat"
	"vodmr/test/kit/require"
)

// TestDeleted: a message that its owner deleted is not lost, but must not come back.
func TestDeleted(t *testing.T) {
	for _, test := range []struct {
		name, wrong string
		deleted     bool
		there       bool
	}{
		{"lost", "LOST: ", false, false},
		{"deleted", "", true, false},
		{"back", "deleted by its owner, but back", true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := write("bob", "ann", "x\n")
			m.deleted = test.deleted
			s := &site{trial: &trial{}}
			s.judge(m, test.there)
			s.expect(t, test.wrong)
		})
	}
}

// TestMaildirsize: a malformed line is noticed.
func TestMaildirsize(t *testing.T) {
	for text, wrong := range map[string]string{
		"1000S,10C\n20 1\n-20 -1\n": "",
		"1000S,10C\n20 1-20 -1\n":   "maildirsize has the line",
	} {
		s := &site{trial: &trial{}, home: t.TempDir()}
		require.OK(t, os.Mkdir(s.maildir(), 0o700))
		require.OK(t, os.WriteFile(filepath.Join(s.maildir(), "maildirsize"), []byte(text), 0o600))
		s.checkSize()
		s.expect(t, wrong)
	}
}

// TestUnanswered: a message that the last session sent is in doubt until it is
// answered.
func TestUnanswered(t *testing.T) {
	left := unanswered("1 session 1\n1 sent a\n1 session 2\n1 sent b\n1 also c\n1 sent d\n1 kept b 1 1 450 x\n1 done d\n1 sent e")
	if len(left) != 2 || !left["c"] || !left["e"] {
		t.Errorf("%v are unanswered, want c and e", left)
	}
}

// TestDoubtOfABounce: after a session the bounce of a message that the log calls refused is in
// doubt if the message is there.
func TestDoubtOfABounce(t *testing.T) {
	k, p := soaked(t)
	p.soaking = k
	line := "vodmr-relay: 17 failure file=%s from=<a@s.test> to=<r0@example.org> bytes=2 reply=\"550 no\"\n"
	log := fmt.Sprintf(line, "new/1.1.h") + fmt.Sprintf(line, "cur/2.2.h:2,S")
	require.OK(t, os.WriteFile(filepath.Join(k.dir, "log"), []byte(log), 0o600))
	require.OK(t, os.WriteFile(filepath.Join(p.maildir(), "cur/2.2.h:2,RS"), nil, 0o600))
	for _, m := range p.messages {
		m.expected = bounces
	}
	p.doubt(true)
	for i, want := range []int{0, 1} {
		if m := p.messages[i]; m.unbounced != want || m.doubts != 0 {
			t.Errorf("message %d: the bounce is in doubt %d times, it %d times", i, m.unbounced, m.doubts)
		}
	}
}

// soaked makes the account of one customer with two messages.
func soaked(t *testing.T) (*soaking, *simulatedCustomer) {
	k := &soaking{trial: &trial{faults: &faults{forms: logformat.Load(t)}, dir: t.TempDir()}}
	p := &simulatedCustomer{soaking: k, site: &site{trial: k.trial, home: filepath.Join(k.dir, "home")}, login: login}
	for _, sub := range []string{"new", "cur"} {
		require.OK(t, os.MkdirAll(filepath.Join(p.maildir(), sub), 0o700))
	}
	p.messages = small(2)
	p.messages[0].file, p.messages[1].file = "1.1.h", "2.2.h"
	k.customers = []*simulatedCustomer{p}
	require.OK(t, os.WriteFile(filepath.Join(k.dir, "log"), nil, 0o600))
	return k, p
}

// TestSoakAccount: the account notices if a message is lost, was sent more often than
// its doubts allow, or overtook another one; if a program crashed; and if a log line
// has no known form.
func TestSoakAccount(t *testing.T) {
	for _, test := range []struct {
		name, wrong string
		spoil       func(*soaking, *simulatedCustomer)
	}{
		{"in order", "", func(_ *soaking, p *simulatedCustomer) { p.messages[0].taken, p.messages[0].doubts = 2, 1 }},
		{"bounced twice", "bounced 2 times", func(_ *soaking, p *simulatedCustomer) {
			p.messages[0].expected, p.messages[0].taken, p.messages[0].bounced = bounces, 0, 2
		}},
		{"killed between", "", func(_ *soaking, p *simulatedCustomer) {
			p.messages[0].expected, p.messages[0].taken, p.messages[0].bounced, p.messages[0].unbounced = bounces, 0, 2, 1
		}},
		{"lost", "LOST: ", func(_ *soaking, p *simulatedCustomer) { p.messages[1].taken = 0 }},
		{"too often", "arrived 2 times", func(_ *soaking, p *simulatedCustomer) { p.messages[1].taken = 2 }},
		{"overtaken", "which is older", func(_ *soaking, p *simulatedCustomer) {
			p.took = []*message{p.messages[1], p.messages[0]}
			p.checkOrder()
		}},
		{"crash", "a program crashed", func(k *soaking, _ *simulatedCustomer) {
			require.OK(t, os.WriteFile(filepath.Join(k.dir, "log"), []byte(strings.Repeat("x\n", 9)+"panic: nil\n"), 0o600))
		}},
		{"no form", "a line of the log: ", func(k *soaking, _ *simulatedCustomer) {
			require.OK(t, os.WriteFile(filepath.Join(k.dir, "log"), []byte("vodmr-relay: 17 tea\n"), 0o600))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			k, p := soaked(t)
			p.messages[0].taken, p.messages[1].taken = 1, 1
			test.spoil(k, p)
			k.close()
			p.expect(t, test.wrong)
		})
	}
}

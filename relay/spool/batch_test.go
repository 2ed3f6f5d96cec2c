package spool

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/smtp"
	"vodmr/test/kit/require"
)

// putRaw puts a message with an envelope of its own into the Maildir.
func (s *site) putRaw(t testing.TB, i int, sender, recipient, rest string) {
	t.Helper()
	s.write(t, "domain/odmr/Maildir/new/"+name(i),
		"Return-Path: <"+sender+">\nDelivered-To: "+recipient+"\nReceived: x\n"+rest)
}

// started is a spool that sends to a server with those extensions.
func (s *site) started(t testing.TB, offered smtp.Extensions, hungUp func() bool) *Spool {
	t.Helper()
	sp := s.begun(t)
	require.OK(t, sp.Start(offered, hungUp))
	return sp
}

func stays() bool { return false }

// TestStreams: a file larger than a megabyte is a stream, which is read beforehand if the
// server is to be told of its size or kind, and not if the size is over the limit anyway.
func TestStreams(t *testing.T) {
	body := strings.Repeat("gr\xc3\xbc\xc3\x9fe\n", 2<<17)
	for _, test := range []struct {
		offered  smtp.Extensions
		eightBit bool
		foretold int
	}{
		{smtp.Extensions{}, false, 0},
		{smtp.Extensions{EightBitMIME: true, SizeOffered: true}, true, 0},
		{smtp.Extensions{SizeOffered: true, Size: 1000}, false, 552},
	} {
		s := newSite(t)
		s.putRaw(t, 0, "ann@sender.test", "r0@example.org", "Subject: large\n\n"+body)
		sp := s.started(t, test.offered, stays)
		b := sp.Next()
		tx := b.Transaction
		if tx.Body != nil || tx.EightBit != test.eightBit || b.Foretold.Code != test.foretold {
			t.Errorf("%+v: a body of %d, 8-bit %v, foretold %v", test.offered, len(tx.Body), tx.EightBit, b.Foretold)
		}
		if test.foretold == 0 {
			text, err := io.ReadAll(tx.Stream)
			if err != nil || !strings.HasSuffix(string(text), body) || tx.Size < int64(len(text)) {
				t.Errorf("%+v: %d bytes of a size of %d, %v", test.offered, len(text), tx.Size, err)
			}
		}
		sp.Ended(b)
	}
}

// TestHungUpWhileRead: if the customer hangs up while a large file is read, nothing more is
// given out, and the notes have the message go behind others.
func TestHungUpWhileRead(t *testing.T) {
	s := newSite(t)
	s.put(t, 0, "sparse")
	require.OK(t, os.Truncate(filepath.Join(s.maildir, "new", name(0)), 4*lookEach))
	s.put(t, 1, "next")
	sp := s.started(t, smtp.Extensions{EightBitMIME: true}, func() bool { return true })
	if b := sp.Next(); b != nil || !sp.HungUp() || sp.Next() != nil {
		t.Fatalf("%+v is given out", b)
	}
	sp.Settle()
	if tries := sp.History().Of(name(0)).Tries; tries != 1 {
		t.Errorf("%d tries", tries)
	}
}

// TestAddressesBeyondASCII: an address that the server cannot be told is refused in its
// place, and one that SMTPUTF8 can say goes.
func TestAddressesBeyondASCII(t *testing.T) {
	for address, test := range map[string]struct{ offered, foretold bool }{
		"gr\xc3\xbc\xc3\x9fe@example.org": {false, true},
		"gr\xc3\xbc\xc3\x9f@example.org":  {true, false},
		"gr\xfc@example.org":              {true, true},
	} {
		s := newSite(t)
		s.putRaw(t, 0, "ann@sender.test", address, "Subject: x\n\nx\n")
		b := s.started(t, smtp.Extensions{SMTPUTF8: test.offered}, stays).Next()
		if (b.Foretold.Code == 553) != test.foretold || !test.foretold && !b.Transaction.UTF8 {
			t.Errorf("%q: foretold %v", address, b.Foretold)
		}
	}
}

// TestGoneAndRenamed: of a batch of copies, one that is gone is left out, and one that a
// mail reader renamed is found again; the body that is held serves all.
func TestGoneAndRenamed(t *testing.T) {
	s := newSite(t)
	for i := range 4 {
		s.put(t, i, "same")
	}
	sp := s.started(t, smtp.Extensions{RcptDomainMax: 1}, stays)
	sp.Times.Fresh = 0
	dir := filepath.Join(s.maildir, "new")
	require.OK(t, os.Remove(filepath.Join(dir, name(0))))
	require.OK(t, os.Rename(filepath.Join(dir, name(1)), filepath.Join(s.maildir, "cur", name(1)+":2,S")))
	b := sp.Next()
	if len(b.Messages) != 3 || b.Messages[0].entry.Path() != "cur/"+name(1)+":2,S" || !strings.HasSuffix(string(b.Transaction.Body), "hello\n") {
		t.Errorf("%d messages, the first %s, the body %q", len(b.Messages), b.Messages[0].entry.Path(), b.Transaction.Body)
	}
	sp.LimitRecipients(2)
	sp.Ended(b)
	sp.Repeat(b.Messages, false)
	if first, rest := sp.Next(), sp.Next(); len(first.Messages) != 2 || len(rest.Messages) != 1 {
		t.Errorf("repeated as %d and %d", len(first.Messages), len(rest.Messages))
	}
}

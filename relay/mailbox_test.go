package relay

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vodmr/relay/grant"
	"vodmr/relay/spool"
	"vodmr/relay/spool/history"
	"vodmr/test/kit/require"
)

// mailbox opens the site's Maildir as an administrator's program does; its log is the
// file log below root.
func (s *site) mailbox(t testing.TB) *spool.Mailbox {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(s.root, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.OK(t, err)
	t.Cleanup(func() { log.Close() })
	m, err := spool.OpenMailbox(s.mailboxConfig(log))
	require.OK(t, err)
	t.Cleanup(m.Close)
	return m
}

// mailboxConfig is the site as an administrator's program knows it.
func (s *site) mailboxConfig(log *os.File) spool.Config {
	c := s.relayConfig(log, log)
	return spool.Config{
		Log: c.Log, Site: grant.Site{Qmail: c.Qmail, Rules: c.Rules}, Queue: c.Queue, Host: c.Host, Session: c.Session,
		Login: c.Login, Home: c.Home, Maildir: c.Maildir, Now: c.Now, Environ: c.Environ,
	}
}

// TestEachWaiting: recipients are those that a session would send to, and a message
// that is removed while the list is read is passed over.
func TestEachWaiting(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.write(t, "domain/.qmail-default", "| vdelivermail '' odmr@example.org\n")
	s.write(t, "qmail/control/virtualdomains", "example.org:example.org\nplain.example:vq\n")
	const received = "Received: (qmail 1 invoked by uid 89); 22 Nov 2026 08:37:25 -0000\n"
	s.write(t, "new/1795336645.1.vm", "Return-Path: <>\nDelivered-To: odmr@example.org\n"+received+"Delivered-To: hal@example.org\nReceived: x\n\nx\n")
	s.write(t, "new/1795336646.2.vm", "Return-Path: <#@[]>\nDelivered-To: vq-Ivy@plain.example\n\nx\n")
	s.write(t, "new/1795336647.3.vm", "Return-Path: <a@b.test>\nDelivered-To: gone@example.org\n\nx\n")
	s.write(t, "maildir/vodmr.notes", "1795336700 kept 1795336646.2.vm 4 1795336700 450 full\n")
	var got []spool.Waiting
	require.OK(t, s.mailbox(t).Each(func(w spool.Waiting) bool {
		got = append(got, w)
		if len(got) == 2 {
			require.OK(t, os.Remove(filepath.Join(s.maildir, "new/1795336647.3.vm")))
		}
		return true
	}))
	want := []spool.Waiting{
		{File: "new/1795336645.1.vm", Time: 1795336645, Size: 158, Recipient: "hal@example.org"},
		{File: "new/1795336646.2.vm", Time: 1795336646, Size: 58, Sender: "#@[]", Recipient: "Ivy@plain.example",
			Note: history.Note{Tries: 4, First: 1795336700, Last: 1795336700, Reply: "450 full"}},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateErrors()); diff != "" {
		t.Error(diff)
	}
}

// TestEachStops: nothing more is read once yield says so.
func TestEachStops(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.fill(t, 10)
	seen := 0
	require.OK(t, s.mailbox(t).Each(func(spool.Waiting) bool { seen++; return seen < 3 }))
	if seen != 3 {
		t.Errorf("%d messages", seen)
	}
}

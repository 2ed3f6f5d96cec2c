package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
	"vodmr/test/kit/testsite"
)

func TestUnknownMTA(t *testing.T) {
	cmd := exec.Command(filepath.Join(bin, "vodmr-relay"))
	cmd.Env = []string{"HOME=/", "VODMR_AUTHFD=4", "VODMR_MTA=sendmail"}
	out, _ := cmd.CombinedOutput()
	want := `vodmr-relay: VODMR_MTA is "sendmail": it must be one of qmail, postfix, exim, opensmtpd, dovecot, courier` + "\nusage: *"
	if code := cmd.ProcessState.ExitCode(); code != 100 || !dialogue.Match(want, string(out)) {
		t.Errorf("exit %d, %q", code, out)
	}
}

// sendmail is a stand-in for vodmr-sendmail: it keeps what it gets.
const sendmail = `#!/bin/sh
umask 022
cat >"$KEEP/message" && tr '\0' '\n' <&1 >"$KEEP/envelope"
`

// TestBounceBySendmail: without qmail a bounce of mail that Postfix delivered goes to
// vodmr-sendmail, here found in PATH.
func TestBounceBySendmail(t *testing.T) {
	m := newMailbox(t)
	require.OK(t, os.Remove(filepath.Join(m.home, "Maildir/new/1795336645.1.vm")))
	testsite.Write(t, filepath.Join(m.home, "Maildir/new/1795336645.V1I1M1.vm"),
		"Return-Path: <\"odd sender\"@s.test>\nX-Original-To: \"john doe\"@example.org\nDelivered-To: in@example.org\nReceived: x\n\nbody\n")
	testsite.Write(t, filepath.Join(m.home, "Maildir/vodmr.notes"), "1795336700 taken 1\n")
	programs, keep := filepath.Join(m.home, "programs"), filepath.Join(m.home, "keep")
	testsite.Write(t, filepath.Join(programs, "vodmr-sendmail"), sendmail)
	testsite.Write(t, filepath.Join(keep, "x"), "")
	require.OK(t, os.Chmod(filepath.Join(programs, "vodmr-sendmail"), 0o755))
	if os.Getuid() == 0 {
		testsite.Chown(t, m.home, owner)
	}
	m.cmd.Env = append(m.cmd.Env, "VODMR_MTA=postfix", "PATH=.:"+programs+":"+os.Getenv("PATH"), "KEEP="+keep)
	p := m.start(t)
	p.Run(`
		S: 235 *
		C: ATRN
		S: 250 *
		C: 220 customer.test
		S: EHLO *
		C: 250 customer.test
		S: MAIL FROM:<"odd sender"@s.test>
		C: 250 ok
		S: RCPT TO:<"john doe"@example.org>
		C: 550 5.1.1 no such user
		S: QUIT
		C: 221 bye
		S: <end>
	`)
	code, log := p.End()
	message, _ := os.ReadFile(filepath.Join(keep, "message"))
	envelope, _ := os.ReadFile(filepath.Join(keep, "envelope"))
	if code != 0 || string(envelope) != "F\nTodd sender@s.test\n\n" || !strings.Contains(string(message), "\nHi. This is the mail relay at mail.test.\n") ||
		!strings.Contains(log, `sentto="<\"odd sender\"@s.test>"`) {
		t.Errorf("exit %d, envelope %q, message\n%s\nlog\n%s", code, envelope, message, log)
	}
}

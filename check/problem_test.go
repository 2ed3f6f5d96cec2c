package check

import (
	"os"
	"strings"
	"testing"

	"vodmr/test/kit/require"
)

// A problem report goes to people that must not learn a password.
func TestNoSecretIsInAProblemReport(t *testing.T) {
	s := good(t)
	s.write("service/env/PASSWORD", other+"\n", 0o644)
	s.write("service/env/DSN", "mysql://vpopmail:"+other+"@localhost\n", 0o644)
	s.made("rules", login+`:allow,VODMR_INTERVAL="60",APIKEY="`+other+`"`+"\n:deny\n")
	s.run("exec 2>&1\n", "exec 2>&1\nMYPASS="+other+"\nexport MYPASS\n", "bin/vchkpw", "bin/vchkpw --key "+other)
	s.config.Report = true
	s.look()
	text := s.out.String()
	for _, hidden := range []string{secret, crypt, "SecretHash", other, "PRIVATE KEY"} {
		if strings.Contains(text, hidden) {
			t.Errorf("%q is in it:\n%s", hidden, text)
		}
	}
	for _, want := range []string{
		"--- versions\nvodmr-check ", "\nenv PASSWORD=(left out)\n", "\nenv VODMR_WINDOW=20\n",
		"\nme: " + host + "\n", "\nvirtualdomains: 1 lines\n", "\n" + login + ":allow\n",
		"\n  " + login + " VODMR_INTERVAL=60\n", "\n  " + login + " APIKEY=(left out)\n", "\n:deny\n",
		"with 2 arguments\n", "\n-rwxr-xr-x ", "/Maildir/new\n", "\n--- findings\nok ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

// Text from a file cannot forge a line or reach a terminal.
func TestLinesAreOneLineOfText(t *testing.T) {
	s := good(t)
	s.write("qmail/control/helohost", "x\x1b[2J\rok all: is well\n", 0o644)
	s.write("qmail/control/bouncefrom", "a b\x00\xff@\n", 0o644)
	s.look()
	for _, b := range s.out.Bytes() {
		if b != '\n' && (b < ' ' || b > '~') {
			t.Fatalf("byte %q in %q", b, s.out.String())
		}
	}
	if !strings.Contains(s.out.String(), `wrong control/helohost: is no host name (x\x1b[2J\rok all: is well): `) {
		t.Error(s.out.String())
	}
}

// The arguments of a program in a .qmail file may be secrets, as in the run script.
func TestArgumentsInDotQmailAreLeftOut(t *testing.T) {
	s := good(t)
	s.owned(domain+"odmr/.qmail", "| /usr/local/bin/push --key "+other+"\n", 0o600)
	s.owned(domain+".qmail-default", "|/v/bin/push "+other+"\n", 0o600)
	s.look()
	if text := s.out.String(); strings.Contains(text, other) || !strings.Contains(text, "/usr/local/bin/push") || !strings.Contains(text, "|/v/bin/push") {
		t.Error(text)
	}
}

// If a mailbox's owner points a link at a file that only root can read, root's report must
// not show it.
func TestLinksDoNotShowWhatTheirOwnerCannotRead(t *testing.T) {
	require.Root(t, "to read what the mailbox's owner cannot")
	for _, name := range []string{"odmr/.qmail", ".qmail-default", "odmr/Maildir/maildirsize"} {
		s := good(t)
		s.write("shadow", "17 "+other+"\nroot:"+other+":1\n"+other+"@example.net\n", 0o600)
		_ = os.Remove(s.path(domain + name))
		s.must(os.Symlink(s.path("shadow"), s.path(domain+name)))
		s.look()
		text := s.out.String()
		if strings.Contains(strings.ToLower(text), strings.ToLower(other)) || !strings.Contains(text, "may not read "+s.path("shadow")) {
			t.Errorf("%s:\n%s", name, text)
		}
	}
}

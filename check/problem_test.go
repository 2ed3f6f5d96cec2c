package check

import (
	"strings"
	"testing"
)

// A problem report goes to people who must not learn a password.
func TestNoSecretIsInAProblemReport(t *testing.T) {
	s := good(t)
	s.write("service/env/PASSWORD", other+"\n", 0o644)
	s.write("service/env/DSN", "mysql://vpopmail:"+other+"@localhost\n", 0o644)
	s.made("rules", login+`:allow,VODMR_INTERVAL="60",APIKEY="`+other+`"`+"\n:deny\n")
	s.run("exec 2>&1\n", "exec 2>&1\nMYPASS="+other+"\nexport MYPASS\n", "bin/vchkpw", "bin/vchkpw --key "+other)
	s.doctor.Report = true
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

// What a file says cannot forge a line or reach a terminal.
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

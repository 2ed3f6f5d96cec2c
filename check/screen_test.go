package check

import (
	"strings"
	"testing"

	"vodmr/test/kit/require"
	"vodmr/test/kit/screen"
)

// TestScreen: vodmr-check(8) shows a whole report as it is, here of a mailbox with a quota.
func TestScreen(t *testing.T) {
	require.Root(t, "any other user is told that root can see more")
	s := good(t)
	s.vpasswd("10000000S", crypt, secret)
	s.look()
	text := strings.NewReplacer(s.root+"/service", "/etc/vodmr", s.root+"/bin/vchkpw", "/home/vpopmail/bin/vchkpw", s.root+"/bin", "/usr/local/bin",
		s.root+"/qmail", "/var/qmail", s.root+"/domains", "/home/vpopmail/domains", host, "mail.example.net").Replace(s.out.String())
	screen.Hold(t, "..", "vodmr-check.8", text, `uid \d+`, `port \d+`, `\d+ MB`)
}

package main

import (
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/screen"
)

// twoMessages is a provider that counts two messages, of which one is refused. It steers.
const twoMessages = `say '250 2.0.0 2 messages wait'; read a; say 'HELO p'; read a; say 'MAIL FROM:<ann@sender.example>'; read a;
 say 'RCPT TO:<bob@b.example>'; read a; say 'BDAT 7 LAST' hello; read a; say 'MAIL FROM:<>'; read a; say "$(printf 'RCPT TO:<e\033[2J\342\200\256ve@other.example>')"; read a; say QUIT; cat >/dev/null`

// TestVerbose: what is said to a person, and no secret in it.
func TestVerbose(t *testing.T) {
	for _, test := range []struct{ flags, want string }{
		{"", "atrn: the command: fetched 1, refused 1: 5*\n"},
		{"-q", "atrn: the command: fetched 1, refused 1: 5*\n"},
		{"-v", `atrn: < 220 *
atrn: > EHLO *
*
atrn: > AUTH CRAM-MD5
atrn: < 334 ********
atrn: > ********
atrn: < 235 *
atrn: > ATRN b.example
atrn: < 250 2.0.0 2 messages wait
atrn: the command: fetched 1, refused 1: 501 *
`},
		{"-v -v", `*
atrn: < 250 2.0.0 2 messages wait
atrn: message 1: 7 from <ann@sender.example> to <bob@b.example>
atrn: refused from <> to <e\u001b[2J\u202eve@other.example>: 501 5.1.3 *
atrn: the command: fetched 1, refused 1: 501 *
`},
	} {
		args := append(strings.Fields(test.flags), "-u", "u", "-p", passfile(t, 0o600), "-d", "b.example", "-m", t.TempDir(), "-e", provider(twoMessages))
		code, out, log := fetchWith(t, args...)
		if code != 0 || out != "" || !dialogue.Match(test.want, log) {
			t.Errorf("%s: exit %d, %q\n%s\nwant\n%s", test.flags, code, out, log, test.want)
		}
		if secret := regexp.MustCompile(`[0-9a-f]{32}|` + base64.StdEncoding.EncodeToString([]byte("u "))).FindString(log); secret != "" {
			t.Errorf("%s: it shows %q", test.flags, secret)
		}
	}
	_, _, log := fetchWith(t, "-v", "-v", "-u", "u", "-p", passfile(t, 0o600), "-m", t.TempDir(), "-e", provider(
		`say '250 2.0.0 the roles turn now, 1 message waits'; read a; say 'HELO p'; read a; say 'MAIL FROM:<ann@sender.example>'; read a;`+
			` say 'RCPT TO:<bob@example.org>'; read a; say 'BDAT 1200 LAST'; printf '%1200s' x; read a; say QUIT; cat >/dev/null`))
	screen.Hold(t, "../..", "atrn.1", log, `> EHLO \S+`, `220 .*`, `250-\S+`, `(mail\.example\.net|the command)`)
	if code, out, log := fetchWith(t, "-q", "-u", "u", "-p", passfile(t, 0o600), "-m", t.TempDir(), "-e", provider(`say '453 none'; read a; say 221`)); code != 0 || out+log != "" {
		t.Errorf("-q: exit %d, %q", code, out+log)
	}
}

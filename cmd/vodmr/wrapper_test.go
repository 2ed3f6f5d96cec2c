package main

import (
	"encoding/base64"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"vodmr/internal/ucspi"
	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// A wrapped is the real vodmr behind a TLS program that the test plays.
type wrapped struct {
	server
	t       *testing.T
	control *dialogue.Conn // the TLS program's end of SSLCTLFD
	inside  *dialogue.Conn // the customer inside TLS
}

// wrap starts vodmr with the descriptors of UCSPI-TLS: 3, 4 and 5.
func wrap(t *testing.T, environ []string, args ...string) wrapped {
	t.Helper()
	return wrapProgram(t, exec.Command(bin+"/vodmr", args...), environ...)
}

// asked waits until vodmr asks for TLS.
func (w wrapped) asked() {
	w.t.Helper()
	var b [1]byte
	if _, err := io.ReadFull(w.control.Net(), b[:]); err != nil || b[0] != 'Y' {
		w.t.Fatalf("got %q and %v on SSLCTLFD, want Y", b, err)
	}
}

// receive has it get variables as the TLS program sends them, and hangs up.
func (w wrapped) receive(variables ...string) {
	w.t.Helper()
	w.control.Send(strings.Join(variables, "\x00") + "\x00\x00")
	w.control.Close()
}

// inner stands in for vodmr-relay and tells its environment and descriptors.
const inner = `printf x >&4
for v in SSL_PROTOCOL SSL_CIPHER SSL_STALE HOME SSLCTLFD SSLREADFD SSLWRITEFD; do
	eval "printf '%s=%s\r\n' $v \"\${$v-unset}\""
done
for fd in 0 1 2 3 4 5 6 7 8 9; do (eval ": <&$fd") 2>/dev/null && printf '%s,' $fd; done
printf '\r\n'
read line
printf 'said %s\n' "$line"
exit 7`

func TestUCSPITLS(t *testing.T) {
	file := accounts(t, t.TempDir(), "odmr@example.org")
	w := wrap(t, []string{"SSL_PROTOCOL=forged", "SSL_STALE=yes"},
		"mail.example.net", bin+"/vodmr-checkpw", file, "sh", "-c", inner)
	w.Run(`
		S: 220 *
		C: EHLO customer.example
		S: 250-mail.example.net
		S: 250-ENHANCEDSTATUSCODES
		S: 250-STARTTLS
		S: 250-AUTH CRAM-MD5
		S: 250 ATRN
		C: STARTTLS
		S: 220 2.0.0 *
	`)
	w.asked()
	w.receive("SSL_PROTOCOL=TLSv1.3", "SSL_CIPHER=TLS_AES_128_GCM_SHA256", "HOME=/forged", "SSLCTLFD=9")
	// The customer's own socket is the TLS program's alone now.
	w.ExpectEnd()
	w.inside.Run(`
		C: EHLO customer.example
		S: 250-mail.example.net
		S: 250-ENHANCEDSTATUSCODES
		S: 250-AUTH CRAM-MD5 PLAIN LOGIN
		S: 250 ATRN
		C: AUTH LOGIN b2RtckBleGFtcGxlLm9yZw==
		S: 334 UGFzc3dvcmQ6
		C: dGFuc3RhYWZ0YW5zdGFhZg==
		S: SSL_PROTOCOL=TLSv1.3
		S: SSL_CIPHER=TLS_AES_128_GCM_SHA256
		S: SSL_STALE=unset
		S: HOME=/srv/odmr
		S: SSLCTLFD=unset
		S: SSLREADFD=unset
		S: SSLWRITEFD=unset
		S: 0,1,2,4,
		C: ATRN
		S: said ATRN
		S: <end>
	`)
	code, log := w.end()
	if code != 7 {
		t.Errorf("exit code %d, want the relay's 7", code)
	}
	matchLines(t, log, `vodmr: * login user=odmr@example.org mechanism=LOGIN ip=127.0.0.1 tls=yes`)
}

// keyOf1 is the hash of a public key, in the forms of vodmr-tls and of vodmr-checkpw's file.
const keyOf1 = "0100000000000000000000000000000000000000000000000000000000000000"

// TestExternal: the customer is known by the key that the TLS program tells of. Neither the
// service's environment nor the customer can name another.
func TestExternal(t *testing.T) {
	folder := t.TempDir()
	file := accounts(t, folder, "other@example.org")
	text := require.File(t, file)
	keyed := strings.Replace(strings.Replace(text, "other@", "odmr@", 1), "tanstaaftanstaaf", "sha256:"+keyOf1, 1)
	require.OK(t, os.WriteFile(file, []byte(text+keyed), 0o600))
	const asked = `printf x >&4; printf 'as %s by %s\r\n' "$VPOPUSER" "${VODMR_EXTERNAL-nothing}"`
	for _, test := range []struct {
		name, key, login, reply string
		prog                    []string
	}{
		{"its key", keyOf1, "odmr@example.org", "as odmr@example.org by nothing", []string{bin + "/vodmr-checkpw", file, "sh", "-c", asked}},
		{"another login", keyOf1, "other@example.org", "535 5.7.8 *", []string{bin + "/vodmr-checkpw", file, "sh", "-c", asked}},
		{"another key", strings.Repeat("0", 64), "odmr@example.org", "535 5.7.8 *", []string{bin + "/vodmr-checkpw", file, "sh", "-c", asked}},
		{"no certificate", "", "odmr@example.org", "504 5.5.4 *", []string{bin + "/vodmr-checkpw", file, "sh", "-c", asked}},
		{"another program", keyOf1, "odmr@example.org", "504 5.5.4 *", []string{"sh", "-c", asked}},
	} {
		t.Run(test.name, func(t *testing.T) {
			forged := []string{"VODMR_EXTERNAL=sha256:" + keyOf1, "SSL_CLIENT_KEY_SHA256=" + keyOf1}
			w := wrap(t, forged, append([]string{"-T", "mail.example.net"}, test.prog...)...)
			w.Run("S: 220 *\nC: STARTTLS\nS: 220 *")
			w.asked()
			variables := []string{"SSL_PROTOCOL=TLSv1.3"}
			if test.key != "" {
				variables = append(variables, "SSL_CLIENT_KEY_SHA256="+test.key)
			}
			w.receive(variables...)
			login := base64.StdEncoding.EncodeToString([]byte(test.login))
			w.inside.Run("C: AUTH EXTERNAL " + login + "\nS: " + test.reply)
		})
	}
}

// Descriptors of TLS that was not asked for reach no other program.
func TestUnusedTLSDescriptors(t *testing.T) {
	w := wrap(t, nil, "h", "sh", "-c",
		`printf x >&4; for fd in 5 6 7 8 9; do (eval ": <&$fd") 2>/dev/null && printf '%s ' $fd; done; printf 'all\r\n'`)
	w.Run(`S: 220 *`)
	w.Login("odmr", "x")
	w.Run(`S: all`)
}

// A variable of TLS is no proof if TLS has yet to begin.
func TestForgedProtocol(t *testing.T) {
	w := wrap(t, []string{"SSL_PROTOCOL=TLSv1.3"}, "-T", "h", "true")
	w.Run(`
		S: 220 *
		C: AUTH PLAIN
		S: 538 5.7.11 *
	`)
}

func TestTLSProgramIsGone(t *testing.T) {
	w := wrap(t, nil, "h", "true")
	w.Run(`
		S: 220 *
		C: EHLO x
		S: 250-h
		S: 250-ENHANCEDSTATUSCODES
		S: 250-STARTTLS
		S: 250-AUTH CRAM-MD5
		S: 250 ATRN
	`)
	w.control.Close()
	w.Run(`
		C: STARTTLS
		S: 454 4.7.0 *
		C: EHLO x
		S: 250-h
		S: 250-ENHANCEDSTATUSCODES
		S: 250-AUTH CRAM-MD5
		S: 250 ATRN
	`)
}

func TestTLSDescriptorsThatAreNone(t *testing.T) {
	for _, environ := range [][]string{
		{"SSLCTLFD=99"}, {"SSLCTLFD=x"}, {"SSLCTLFD=1"}, {"SSLREADFD="}, {"SSLWRITEFD=-4"}, {"SSLREADFD=4 "},
		{"SSLCTLFD=99999999999999999999"},
	} {
		w := wrap(t, environ, "h", "true")
		w.Run(`
			S: 220 *
			C: EHLO x
			S: 250-h
			S: 250-ENHANCEDSTATUSCODES
			S: 250-AUTH CRAM-MD5
			S: 250 ATRN
			C: STARTTLS
			S: 454 4.7.0 *
		`)
	}
}

// However the handshake fails, the customer hears nothing after 220, and the
// session ends.
func TestHandshakeThatFails(t *testing.T) {
	t.Parallel()
	// Even the shorter is no limit for what comes before, on a busy machine.
	const soon, late = "5", "300"
	for name, test := range map[string]struct {
		limit   string
		program func(wrapped)
		reason  string
	}{
		"hangs up":                {late, func(w wrapped) { w.control.Close() }, ""},
		"hangs up half way":       {late, func(w wrapped) { w.control.Send("SSL_PROTOCOL=TLSv1.3\x00"); w.control.Close() }, ""},
		"says nothing":            {soon, func(wrapped) {}, "waiting for the handshake: timed out"},
		"says one variable of it": {soon, func(w wrapped) { w.control.Send("SSL_PROTOCOL=TLSv1.3\x00") }, "waiting for the handshake: timed out"},
		"tells too much": {late, func(w wrapped) { w.control.Send("SSL_PROTOCOL=" + strings.Repeat("x", ucspi.MaxList)) },
			"the TLS program tells more than 131072 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := wrap(t, nil, "-t", test.limit, "h", "true")
			w.Run(`
				S: 220 *
				C: STARTTLS
				S: 220 *
			`)
			w.asked()
			test.program(w)
			w.ExpectEnd()
			w.inside.ExpectEnd()
			code, log := w.end()
			if code != 0 {
				t.Errorf("exit code %d", code)
			}
			lines := []string{`vodmr: * end ip=127.0.0.1 reason="STARTTLS: no handshake"`}
			if test.reason != "" {
				lines = append([]string{`vodmr: * error ip=127.0.0.1 error="STARTTLS: ` + test.reason + `"`}, lines...)
			}
			matchLines(t, log, lines...)
		})
	}
}

// No word of the TLS program's is one about TLS: the list may be empty.
func TestHandshakeWithoutVariables(t *testing.T) {
	w := wrap(t, nil, "h", "true")
	w.Run(`
		S: 220 *
		C: STARTTLS
		S: 220 *
	`)
	w.asked()
	w.control.Send("\x00")
	w.inside.Run(`
		C: AUTH PLAIN
		S: 334 *
		C: *
		S: 501 *
	`)
}

// With -T nobody logs in while there is no TLS: the fault is here, so the customer is told
// to try later.
func TestNoLoginWithoutTheTLSProgram(t *testing.T) {
	w := wrap(t, nil, "-T", "h", "true")
	w.Run(`S: 220 *`)
	w.control.Close()
	w.Run(`
		C: EHLO x
		S: 250-h
		S: 250-ENHANCEDSTATUSCODES
		S: 250 ATRN
		C: AUTH CRAM-MD5
		S: 454 4.7.0 *
		C: AUTH PLAIN AHgAeA==
		S: 454 4.7.0 *
		C: QUIT
		S: 221 *
	`)
	code, log := w.end()
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	const lost = `vodmr: * error ip=127.0.0.1 reason="no login without TLS, which cannot be had: *"`
	matchLines(t, log, lost, lost, `vodmr: * end ip=127.0.0.1 reason=quit`)
}

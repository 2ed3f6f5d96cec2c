package auth

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vodmr/internal/fdio"
	"vodmr/test/kit/dialogue"
)

// An offer plays the TLS program for a session in this process: after the
// handshake the customer speaks on a connection of its own.
type offer struct {
	inside Connection
	begun  int
	gone   bool
	err    error

	external bool // the customer shows a certificate
}

func (o *offer) Open() bool { return !o.gone }

func (o *offer) Begin(time.Time) (Connection, error) {
	o.begun++
	return o.inside, o.err
}

func (o *offer) External() bool { return o.external }

// withOffer gives a talk an offer of TLS; inside is the customer's side of it.
func withOffer(k *talk) (o *offer, inside *dialogue.Conn) {
	k.t.Helper()
	inside, far := dialogue.Pair(k.t)
	o = &offer{inside: fdio.New(int(far.Fd()), int(far.Fd()))}
	k.session.Offer = o
	k.t.Cleanup(func() {
		inside.Close()
		k.finish()
	})
	return o, inside
}

func TestSTARTTLS(t *testing.T) {
	k := newTalk(t)
	var got Credentials
	k.verdict = func(c Credentials) error {
		got = c
		return nil
	}
	_, inside := withOffer(k)
	k.start()
	k.Run(`
		C: EHLO customer.example
		S: 250-mail.example.net
		S: 250-ENHANCEDSTATUSCODES
		S: 250-STARTTLS
		S: 250-AUTH CRAM-MD5
		S: 250 ATRN
		C: STARTTLS now
		S: 501 5.5.4 *
		C: STARTTLS
		S: 220 2.0.0 *
	`)
	inside.Run(`
		C: EHLO customer.example
		S: 250-mail.example.net
		S: 250-ENHANCEDSTATUSCODES
		S: 250-AUTH CRAM-MD5 PLAIN LOGIN
		S: 250 ATRN
		C: STARTTLS
		S: 503 5.5.1 *
		C: AUTH PLAIN AHRpbQB0YW4gc3RhYWY=
	`)
	k.logged(`vodmr: 4711 login user=tim mechanism=PLAIN ip=192.0.2.1 tls=yes`)
	if want := (Credentials{Login: "tim", Secret: "tan staaf"}); got != want {
		t.Error(cmp.Diff(want, got))
	}
}

func TestPlainNeedsTLS(t *testing.T) {
	k := newTalk(t)
	k.verdict = func(c Credentials) error {
		t.Errorf("checked %+v", c)
		return ErrRefused
	}
	withOffer(k)
	k.start()
	for _, command := range []string{"AUTH PLAIN", "AUTH PLAIN AHRpbQB0YW4gc3RhYWY=", "AUTH LOGIN", "auth login dGlt"} {
		k.Run("C: " + command + "\nS: 538 5.7.11 *")
	}
}

func TestTLSFromAnOuterWrapper(t *testing.T) {
	k := newTalk(t)
	k.session.TLS = true
	k.start()
	k.Run(`
		C: EHLO customer.example
		S: 250-mail.example.net
		S: 250-ENHANCEDSTATUSCODES
		S: 250-AUTH CRAM-MD5 PLAIN LOGIN
		S: 250 ATRN
		C: STARTTLS
		S: 503 5.5.1 *
		C: AUTH LOGIN
		S: 334 VXNlcm5hbWU6
		C: *
		S: 501 5.0.0 *
	`)
}

func TestNeedTLSIsMetBySTARTTLS(t *testing.T) {
	k := newTalk(t)
	k.session.NeedTLS = true
	_, inside := withOffer(k)
	k.start()
	k.Run(`
		C: EHLO customer.example
		S: 250-mail.example.net
		S: 250-ENHANCEDSTATUSCODES
		S: 250-STARTTLS
		S: 250 ATRN
		C: AUTH CRAM-MD5
		S: 538 5.7.11 *
		C: AUTH PLAIN
		S: 538 5.7.11 *
		C: STARTTLS
		S: 220 *
	`)
	inside.Run(`
		C: AUTH CRAM-MD5
		S: 334 *
		C: *
		S: 501 5.0.0 *
	`)
}

// The injection of CVE-2011-0411: commands that came in plain with STARTTLS must
// not be taken for the customer's, nor outlive the handshake.
func TestCommandsBehindSTARTTLS(t *testing.T) {
	k := newTalk(t)
	o, _ := withOffer(k)
	k.start()
	k.Send("STARTTLS\r\nNOOP\r\n")
	k.Run(`
		S: 554 5.5.0 *
		S: <end>
	`)
	k.logged(`vodmr: 4711 end ip=192.0.2.1 reason="554 5.5.0 *"`)
	if o.begun != 0 {
		t.Error("the handshake began")
	}
}

// A part of a command that came in plain is not the start of the next one.
func TestHalfACommandBehindSTARTTLS(t *testing.T) {
	k := newTalk(t)
	o, _ := withOffer(k)
	k.start()
	k.Send("STARTTLS\r\nNO")
	k.Run(`
		S: 554 5.5.0 *
		S: <end>
	`)
	<-k.done
	if o.begun != 0 {
		t.Error("the handshake began")
	}
}

func TestTLSIsGone(t *testing.T) {
	k := newTalk(t)
	o, _ := withOffer(k)
	o.gone = true
	k.start()
	k.Run(`
		C: EHLO customer.example
		S: 250-mail.example.net
		S: 250-ENHANCEDSTATUSCODES
		S: 250-AUTH CRAM-MD5
		S: 250 ATRN
		C: STARTTLS
		S: 454 4.7.0 *
		C: QUIT
		S: 221 *
	`)
	k.logged(
		`vodmr: 4711 error ip=192.0.2.1 reason="the TLS program has closed SSLCTLFD"`,
		`vodmr: 4711 end ip=192.0.2.1 reason=quit`,
	)
}

// After a handshake that failed nothing can be said: it would be plain text
// when the customer expects TLS.
func TestHandshakeFails(t *testing.T) {
	for _, err := range []error{errors.New("no luck"), fdio.ErrTimeout} {
		k := newTalk(t)
		o, _ := withOffer(k)
		o.err = err
		k.start()
		k.Run(`
			C: STARTTLS
			S: 220 *
			S: <end>
		`)
		k.logged(`vodmr: 4711 end ip=192.0.2.1 reason="STARTTLS: ` + err.Error() + `"`)
	}
}

// Behind STARTTLS all is new but the count of unknown commands.
func TestCountsOutliveSTARTTLS(t *testing.T) {
	k := newTalk(t)
	_, inside := withOffer(k)
	k.start()
	k.Run(`
		C: XYZZY
		S: 500 *
		C: STARTTLS
		S: 220 *
	`)
	for range 8 {
		inside.Run("C: XYZZY\nS: 500 *")
	}
	inside.Run("C: XYZZY\nS: 500 *\nS: 421 *")
	k.logged(`vodmr: 4711 end ip=192.0.2.1 reason="421 *"`)
}

func TestActingForAnother(t *testing.T) {
	k := newTalk(t)
	k.session.TLS = true
	k.verdict = func(c Credentials) error {
		t.Errorf("checked %+v", c)
		return nil
	}
	k.start()
	k.Run(`
		C: AUTH PLAIN b3RoZXIAdGltAHRhbiBzdGFhZg==
		S: 535 5.7.8 *
		S: <end>
	`)
	k.logged(
		`vodmr: 4711 refused user=tim mechanism=PLAIN ip=192.0.2.1 tls=yes reply="535 5.7.8 *" error="refused: the login may not act as other"`,
		`vodmr: 4711 end *`,
	)
	if want := []time.Duration{time.Second}; !cmp.Equal(k.slept, want) {
		t.Errorf("slept %v, want %v", k.slept, want)
	}
}

// Neither the password nor the response shows in the log, whatever is wrong with
// them.
func TestSecretsStayOutOfTheLog(t *testing.T) {
	k := newTalk(t)
	k.session.TLS = true
	k.verdict = func(Credentials) error { return errBusy }
	k.start()
	k.Run(`
		C: AUTH PLAIN AHRpbQBodW50ZXIyAA==
		S: 501 *
		C: AUTH LOGIN dGlt
		S: 334 *
		C: aHVudGVyMg==x
		S: 501 *
		C: hunter2
		S: 500 *
		C: AUTH LOGIN dGlt
		S: 334 *
		C: aHVudGVyMg==
		S: 454 *
		S: <end>
	`)
	k.logged(
		`vodmr: 4711 error user=tim mechanism=LOGIN ip=192.0.2.1 tls=yes reply="454 4.7.0 your login cannot be checked now, try later" error="the database is busy"`,
		`vodmr: 4711 end ip=192.0.2.1 reason="454 *"`,
	)
}

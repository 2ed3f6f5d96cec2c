package auth

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// EXTERNAL is offered inside TLS if a certificate came, and hands on the login alone.
func TestExternal(t *testing.T) {
	k := newTalk(t)
	var got Credentials
	k.verdict = func(c Credentials) error {
		got = c
		return nil
	}
	o, inside := withOffer(k)
	o.external = true
	k.start()
	k.Run(`
		C: EHLO customer.example
		S: 250-mail.example.net
		S: 250-ENHANCEDSTATUSCODES
		S: 250-STARTTLS
		S: 250-AUTH CRAM-MD5
		S: 250 ATRN
		C: AUTH EXTERNAL dGlt
		S: 538 5.7.11 *
		C: STARTTLS
		S: 220 2.0.0 *
	`)
	inside.Run(`
		C: EHLO customer.example
		S: 250-mail.example.net
		S: 250-ENHANCEDSTATUSCODES
		S: 250-AUTH CRAM-MD5 PLAIN LOGIN EXTERNAL
		S: 250 ATRN
		C: AUTH EXTERNAL =
		S: 501 5.5.4 *
		C: AUTH EXTERNAL AHRpbQ==
		S: 501 5.5.2 *
		C: AUTH EXTERNAL
		S: 334 
		C: *
		S: 501 5.0.0 *
		C: AUTH EXTERNAL
		S: 334 
		C: dGlt
	`)
	k.logged(`vodmr: 4711 login user=tim mechanism=EXTERNAL ip=192.0.2.1 tls=yes`)
	if want := (Credentials{Login: "tim", External: true}); got != want {
		t.Error(cmp.Diff(want, got))
	}
}

// Without a certificate EXTERNAL asks nobody, and says what is missing.
func TestExternalWithoutCertificate(t *testing.T) {
	k := newTalk(t)
	k.verdict = func(c Credentials) error {
		t.Errorf("checked %+v", c)
		return ErrRefused
	}
	_, inside := withOffer(k)
	k.start()
	k.Run(`
		C: STARTTLS
		S: 220 2.0.0 *
	`)
	inside.Run(`
		C: EHLO customer.example
		S: 250-mail.example.net
		S: 250-ENHANCEDSTATUSCODES
		S: 250-AUTH CRAM-MD5 PLAIN LOGIN
		S: 250 ATRN
		C: AUTH EXTERNAL dGlt
		S: 504 5.5.4 *certificate*
	`)
}

// A proxy that ended TLS itself passes no certificate on.
func TestExternalFromTrustedAddress(t *testing.T) {
	k := newTalk(t)
	k.session.Trusted = true
	k.start()
	k.Run(`
		C: AUTH EXTERNAL dGlt
		S: 504 5.5.4 *certificate*
	`)
}

// The key of another login is a refusal, as a wrong password is: late, and the end.
func TestExternalRefused(t *testing.T) {
	k := newTalk(t)
	k.session.TLS, k.session.External = true, true
	k.start()
	k.Run(`
		C: AUTH EXTERNAL dGlt
		S: 535 5.7.8 *
		S: <end>
	`)
	k.logged(`vodmr: 4711 refused user=tim mechanism=EXTERNAL ip=192.0.2.1 tls=yes reply="535 5.7.8 *" error=*`, `vodmr: 4711 end *`)
	if len(k.slept) != 1 {
		t.Errorf("slept %v", k.slept)
	}
}

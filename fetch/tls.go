package fetch

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"os"
	"strings"
	"time"

	"vodmr/smtp"
)

// A TLSMode says when TLS begins, and whether it must. The zero value is the
// safest that every provider with TLS can do.
type TLSMode int

// The modes, by their words on the command line.
const (
	StartTLS  TLSMode = iota // "starttls": by STARTTLS (RFC 3207), verified
	OnConnect                // "tls": before the greeting, verified
	MayTLS                   // "may": by STARTTLS where it is offered, verified or not
	NoTLS                    // "none"
)

// ParseTLSMode takes a mode's word. The error is misuse.
func ParseTLSMode(word string) (TLSMode, error) {
	for mode, name := range []string{"starttls", "tls", "may", "none"} {
		if word == name {
			return TLSMode(mode), nil
		}
	}
	return StartTLS, misuse("-T takes starttls, tls, may or none, not %q", word)
}

// TLS is how the line to the provider is protected.
type TLS struct {
	Mode  TLSMode
	Host  string         // whom the certificate must name: a host or an IP address
	Roots *x509.CertPool // who may vouch for it; nil for whom the system trusts
	Pin   *Pin           // the one certificate or key that is right, whoever vouches for it
	Key   *Key           // the customer's own, to log in by; nil for a password
}

// ReadRoots returns the certificates of a PEM file. The error is misuse, or trouble that may
// pass.
func ReadRoots(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, unreadable("CA's certificate", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, misuse("%s holds no certificate in PEM", file)
	}
	return roots, nil
}

// config leaves the verification to crypto/tls, except if any certificate, or one
// certificate only, will do.
func (t *TLS) config() *tls.Config {
	return &tls.Config{
		GetClientCertificate: t.certificate,

		MinVersion:         tls.VersionTLS12,
		ServerName:         t.name(),
		RootCAs:            t.Roots,
		InsecureSkipVerify: t.Pin != nil || t.Mode == MayTLS,
		VerifyConnection:   t.checkPin,
	}
}

// certificate is the one to show if the provider asks for one, whatever CAs it names: it
// then says itself what it lacks.
func (t *TLS) certificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	if t.Key == nil {
		return &tls.Certificate{}, nil
	}
	return &t.Key.Certificate, nil
}

// name is Host without what no certificate has: an IPv6 zone, a last dot.
func (t *TLS) name() string {
	if ip, err := netip.ParseAddr(t.Host); err == nil {
		return ip.WithZone("").String()
	}
	return strings.TrimSuffix(t.Host, ".")
}

func (t *TLS) checkPin(state tls.ConnectionState) error {
	if t.Pin == nil || t.Pin.matches(state.PeerCertificates[0]) {
		return nil
	}
	return errPin
}

// verified reports if a connection leads to the right server. Only with MayTLS
// is that open after the handshake.
func (t *TLS) verified(state tls.ConnectionState) bool {
	if t.Mode != MayTLS || t.Pin != nil {
		return true
	}
	chain := x509.NewCertPool()
	for _, certificate := range state.PeerCertificates[1:] {
		chain.AddCert(certificate)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
		DNSName:       t.name(),
		Roots:         t.Roots,
		Intermediates: chain,
	})
	return err == nil && t.Host != ""
}

// encrypt does the handshake. If anything was said before, it does not count any more (RFC
// 3207 section 4.2).
func (d *conversation) encrypt(t *TLS) error {
	_ = d.conn.SetDeadline(time.Now().Add(d.timings.TLS))
	conn := tls.Client(d.conn, t.config())
	if err := conn.Handshake(); err != nil {
		d.closed = true
		return t.failure(err)
	}
	d.conn, d.parser = encrypted{conn}, smtp.ReplyParser{}
	d.verified, d.key = t.verified(conn.ConnectionState()), t.Key
	return nil
}

// startTLS says STARTTLS; started is whether TLS began. A provider that offered
// it may still say no for now.
func (d *conversation) startTLS(t *TLS) (started bool, err error) {
	r, err := d.command("STARTTLS", "the reply to STARTTLS", d.timings.Reply)
	switch {
	case err != nil:
		return false, err
	case r.Code != 220 && t.Mode == MayTLS:
		return false, nil
	case r.Code != 220:
		return false, later(r, "the provider offers STARTTLS but refuses it now: try again later, and tell the provider")
	case len(d.unread) > 0:
		// Somebody on the line could have put words into the provider's mouth.
		d.closed = true
		return false, later(nil, "more than the reply to STARTTLS came in clear: somebody may be tampering with the line, try another way to the provider")
	}
	return true, d.encrypt(t)
}

// encrypted is a connection under TLS.
type encrypted struct{ *tls.Conn }

// CloseWrite ends what is sent for TLS (close_notify) and for TCP too: not every
// provider looks at both.
func (c encrypted) CloseWrite() error {
	c.bound()
	err := c.Conn.CloseWrite()
	if below := closeWrite(c.NetConn()); err == nil {
		err = below
	}
	return err
}

// Close says close_notify too.
func (c encrypted) Close() error {
	c.bound()
	return c.Conn.Close()
}

// goodbyeTime is for how long a goodbye may wait until the provider takes it.
const goodbyeTime = 5 * time.Second

// bound ends what is being written. A close_notify waits for it without a limit of its own, and a
// provider can have the reading side write: it asks for new keys (RFC 8446 section 4.6.3).
func (c encrypted) bound() { _ = c.SetWriteDeadline(time.Now().Add(goodbyeTime)) }

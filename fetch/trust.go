package fetch

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"

	"vodmr/internal/keyhash"
)

// A Pin is what makes one provider the right one, whoever signed its certificate,
// whatever name is in it and when it expires.
type Pin struct {
	SHA256 [sha256.Size]byte
	// Key means that SHA256 is that of the public key (SubjectPublicKeyInfo, in DER), so
	// that a renewed certificate with the same key passes. Otherwise it is that of the
	// certificate as it goes over the line.
	Key bool
}

// ParsePin takes a certificate's SHA-256 in hexadecimal digits of either case, with
// colons between the bytes or without, as openssl x509 -fingerprint prints it; or a public
// key's hash as keyhash has it. The error is misuse.
func ParsePin(s string) (Pin, error) {
	if keyhash.Is(s) {
		hash, err := keyhash.Parse(s)
		if err != nil {
			return Pin{}, misuse("%q is %v", s, err)
		}
		return Pin{SHA256: hash, Key: true}, nil
	}
	sum, err := hex.DecodeString(strings.ReplaceAll(s, ":", ""))
	if err != nil || len(sum) != sha256.Size {
		return Pin{}, misuse("%q is not the SHA-256 of a certificate: 64 hexadecimal digits, colons or none, or, for a public key, sha256: first", s)
	}
	return Pin{SHA256: [sha256.Size]byte(sum)}, nil
}

// String is the form that ParsePin takes: colons between the bytes of a certificate's, base64
// without padding for a key's.
func (p Pin) String() string {
	if p.Key {
		return keyhash.Hash(p.SHA256).String()
	}
	return strings.ReplaceAll(fmt.Sprintf("% X", p.SHA256[:]), " ", ":")
}

// matches reports if this is the certificate, or one with this key.
func (p *Pin) matches(certificate *x509.Certificate) bool {
	if p.Key {
		return sha256.Sum256(certificate.RawSubjectPublicKeyInfo) == p.SHA256
	}
	return sha256.Sum256(certificate.Raw) == p.SHA256
}

// errPin is a certificate that is not the one that was asked for. It does not show what
// came in place of it: that may be anybody's.
var errPin = errors.New("somebody may be in between")

// notOffered is the failure if TLS is required. Somebody on the line could have
// taken the offer away.
func (t *TLS) notOffered() error {
	if t.Mode == MayTLS {
		return nil
	}
	return later(nil, "the provider offers no STARTTLS, or somebody on the line hides it: try -T tls with the provider's port for that, or, if the mail may cross the line in clear, say -T none")
}

// failure says why there is no TLS, and what to do.
func (t *TLS) failure(err error) error {
	var (
		unverified *tls.CertificateVerificationError
		noTLS      tls.RecordHeaderError
		timeout    net.Error
	)
	switch {
	case errors.As(err, &unverified):
		return later(unverified.Err, "the provider's certificate cannot be trusted: %s; or give its pin with -F, which the provider sees by running %s",
			advice(unverified.Err), showPin)
	case errors.Is(err, errPin):
		return later(errPin, "%s: ask the provider whether it has a new one, and for its pin, which it sees by running %s", t.wrong(), showPin)
	case errors.As(err, &noTLS) && t.Mode == OnConnect:
		return later(err, "the provider does not begin with TLS: leave -T tls out for STARTTLS, or check the port")
	case errors.As(err, &noTLS):
		return later(err, "what the provider said after STARTTLS is no TLS: somebody may be tampering with the line")
	case t.Key != nil && isAlert(err):
		return t.keyRejected(err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return later(nil, "the provider did not finish the TLS handshake in time: try again later")
	}
	return later(err, "the TLS handshake with the provider failed: it must speak TLS 1.2 or newer and have a certificate")
}

// isAlert reports if the other side ended TLS, and said why.
func isAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

// keyRejected is the failure if the provider ended TLS when it saw the certificate of Key.
func (t *TLS) keyRejected(err error) error {
	return later(err, "the provider ended TLS: it may want a certificate that a CA has signed for the key %s, unless its vodmr-tls has -a any", t.Key.Hash)
}

// showPin is the command for the provider's own machine.
const showPin = "`vodmr-front -l' there"

// wrong is the failure of Pin, by its kind.
func (t *TLS) wrong() string {
	if t.Pin.Key {
		return "the public key of the provider's certificate is not the one of the pin (-F, or the invitation's)"
	}
	return "the provider's certificate is not the one of -F"
}

// advice is what to do about a certificate that did not pass.
func advice(err error) string {
	var (
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		unknown x509.UnknownAuthorityError
		none    x509.SystemRootsError
	)
	switch {
	case errors.As(err, &name):
		return "call the provider by a name that is in it"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the provider must renew it, unless this machine's clock is wrong"
	case errors.As(err, &unknown):
		return "name the file of the CA that signed it with -C"
	case errors.As(err, &none):
		return "install the system's CA certificates, or name a CA's file with -C"
	}
	return "the provider must mend it"
}

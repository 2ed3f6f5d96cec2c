package fetch

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
)

// A Fingerprint is the SHA-256 of a certificate as it goes over the line (DER).
type Fingerprint [32]byte

// ParseFingerprint takes hexadecimal digits of either case, with colons between
// the bytes or without. The error is misuse.
func ParseFingerprint(s string) (Fingerprint, error) {
	digits, err := hex.DecodeString(strings.ReplaceAll(s, ":", ""))
	if err != nil || len(digits) != len(Fingerprint{}) {
		return Fingerprint{}, misuse("%q is not the SHA-256 of a certificate: 64 hexadecimal digits, colons or none", s)
	}
	return Fingerprint(digits), nil
}

// String is the form that openssl x509 -fingerprint prints.
func (f Fingerprint) String() string {
	return strings.ReplaceAll(fmt.Sprintf("% X", f[:]), " ", ":")
}

// A pinError is a certificate that is not the one that was asked for.
type pinError struct{ is Fingerprint }

func (e *pinError) Error() string { return "its SHA-256 is " + e.is.String() }

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
		pin        *pinError
		noTLS      tls.RecordHeaderError
		timeout    net.Error
	)
	switch {
	case errors.As(err, &unverified):
		is := fingerprint(unverified.UnverifiedCertificates[0])
		return later(unverified.Err, "the provider's certificate cannot be trusted: %s; or, if the provider says that this is its certificate, use -F %s",
			advice(unverified.Err), is)
	case errors.As(err, &pin):
		return later(pin, "the provider's certificate is not the one of -F: ask the provider whether it has a new one, and use that one's SHA-256 for -F")
	case errors.As(err, &noTLS) && t.Mode == OnConnect:
		return later(err, "the provider does not begin with TLS: leave -T tls out for STARTTLS, or check the port")
	case errors.As(err, &noTLS):
		return later(err, "what the provider said after STARTTLS is no TLS: somebody may be tampering with the line")
	case errors.As(err, &timeout) && timeout.Timeout():
		return later(nil, "the provider did not finish the TLS handshake in time: try again later")
	}
	return later(err, "the TLS handshake with the provider failed: it must speak TLS 1.2 or newer and have a certificate")
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

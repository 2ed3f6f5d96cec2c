package hostile

import (
	"crypto/tls"
	"crypto/x509"
	"testing"

	"vodmr/test/kit/loopback"
)

// certificate writes the provider's certificate and key, and returns the roots with
// which a client verifies it.
func (s *site) certificate(t *testing.T) (file string, client *tls.Config) {
	t.Helper()
	made, err := loopback.Certify("mail.provider.test")
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "cert.pem", string(made.Secret))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(made.Public)
	return s.path("cert.pem"), &tls.Config{RootCAs: roots, ServerName: "mail.provider.test"}
}

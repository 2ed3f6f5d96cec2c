package integration

import (
	"path/filepath"
	"testing"

	"vodmr/test/kit/loopback"
)

// A servercert is what a provider's TLS needs, and what its customers may know.
type servercert struct {
	file   string // certificate and key, for the provider
	public string // the certificate alone
	sha256 string // its fingerprint
}

// certify makes a self-signed certificate for the site's name; its key only
// the reader may read.
func (s *site) certify(t testing.TB, reader account) servercert {
	t.Helper()
	made, err := loopback.Certify(s.host)
	if err != nil {
		t.Fatal(err)
	}
	c := servercert{filepath.Join(s.dir, "servercert.pem"), filepath.Join(s.dir, "public.pem"), made.SHA256}
	reader.write(t, c.file, string(made.Secret), 0o600)
	reader.write(t, c.public, string(made.Public), 0o644)
	return c
}

package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"testing"
	"time"
)

// A servercert is what a provider's TLS needs, and what its customers may know.
type servercert struct {
	file   string // certificate and key, for the provider
	public string // the certificate alone
	sha256 string // its fingerprint
}

// certify makes a self-signed certificate for the site's name, whose key only
// the reader may read.
func (s *site) certify(t testing.TB, reader account) servercert {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: s.host},
		DNSNames:     []string{s.host},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	both := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), public...)
	c := servercert{file: filepath.Join(s.dir, "servercert.pem"), public: filepath.Join(s.dir, "public.pem")}
	reader.write(t, c.file, string(both), 0o600)
	reader.write(t, c.public, string(public), 0o644)
	sum := sha256.Sum256(certificate)
	c.sha256 = hex.EncodeToString(sum[:])
	return c
}

package fetch

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"
)

// A certified is a certificate with its key and those that vouch for it.
type certified struct {
	tls.Certificate
	key *ecdsa.PrivateKey
}

// lasting is a certificate that is good now, for a provider or for a CA.
func lasting(name string, ca bool) *x509.Certificate {
	c := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-48 * time.Hour),
		NotAfter:              time.Now().Add(48 * time.Hour),
		IsCA:                  ca,
		BasicConstraintsValid: true,
	}
	switch ip := net.ParseIP(name); {
	case ca:
		c.KeyUsage = x509.KeyUsageCertSign
	case ip != nil:
		c.IPAddresses = []net.IP{ip}
	default:
		c.DNSNames = []string{name}
	}
	return c
}

// expired is a certificate that was good until yesterday.
func expired(name string) *x509.Certificate {
	c := lasting(name, false)
	c.NotAfter = time.Now().Add(-24 * time.Hour)
	return c
}

// renewed is an expired certificate of the same key.
func renewed(t *testing.T, is *certified) *certified {
	t.Helper()
	c := expired(testHost)
	der, err := x509.CreateCertificate(rand.Reader, c, c, is.key.Public(), is.key)
	if err != nil {
		t.Fatal(err)
	}
	next := &certified{key: is.key}
	next.PrivateKey, next.Certificate.Certificate = is.key, [][]byte{der}
	if next.Leaf, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return next
}

// issue makes a certificate that an issuer vouches for; nil for itself.
func issue(t *testing.T, c *x509.Certificate, issuer *certified) *certified {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	is := &certified{key: key}
	parent, signer := c, key
	if issuer != nil {
		parent, signer = issuer.Leaf, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	is.PrivateKey = key
	is.Certificate.Certificate = [][]byte{der}
	if issuer != nil {
		is.Certificate.Certificate = append(is.Certificate.Certificate, issuer.Certificate.Certificate...)
	}
	if is.Leaf, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return is
}

// pool holds these certificates and no others.
func pool(trusted ...*certified) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range trusted {
		p.AddCert(c.Leaf)
	}
	return p
}

// pin is what -F says for a certificate.
func pin(c *certified) *Pin { return &Pin{SHA256: sha256.Sum256(c.Leaf.Raw)} }

// keyPin is what -F says for a certificate's public key.
func keyPin(c *certified) *Pin {
	return &Pin{SHA256: sha256.Sum256(c.Leaf.RawSubjectPublicKeyInfo), Key: true}
}

package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An authority signs certificates for a test.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
	pem         []byte
}

// A pair is a certificate and its key, as PEM and parsed.
type pair struct {
	chain, key []byte
	tls        tls.Certificate
}

func (p pair) both() []byte { return append(append([]byte(nil), p.chain...), p.key...) }

func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{key: newKey(t)}
	a.pem = sign(t, &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-24 * time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}, nil, a.key, a.key)
	block, _ := pem.Decode(a.pem)
	var err error
	if a.certificate, err = x509.ParseCertificate(block.Bytes); err != nil {
		t.Fatal(err)
	}
	return a
}

// sign makes a certificate; without a parent it signs itself.
func sign(t *testing.T, c, parent *x509.Certificate, key, signer crypto.Signer) []byte {
	t.Helper()
	if parent == nil {
		parent = c
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// issue makes a certificate for a subject that is valid between two times from
// now, for servers and clients.
func (a *authority) issue(t *testing.T, subject pkix.Name, from, to time.Duration) pair {
	t.Helper()
	key := newKey(t)
	chain := sign(t, &x509.Certificate{
		Subject:     subject,
		DNSNames:    []string{"mail.example.net"},
		NotBefore:   time.Now().Add(from),
		NotAfter:    time.Now().Add(to),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.certificate, key, a.key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	p := pair{chain: chain, key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})}
	if p.tls, err = tls.X509KeyPair(p.chain, p.key); err != nil {
		t.Fatal(err)
	}
	return p
}

// server makes the everyday certificate of a provider.
func (a *authority) server(t *testing.T) pair {
	t.Helper()
	return a.issue(t, pkix.Name{CommonName: "mail.example.net"}, -time.Hour, time.Hour)
}

// file writes a file that only its owner can read.
func file(t *testing.T, content []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// servercert makes an authority, and a file as qmail's control/servercert.pem.
func servercert(t *testing.T) (ca *authority, name string) {
	t.Helper()
	ca = newAuthority(t, "Test Authority")
	return ca, file(t, ca.server(t).both())
}

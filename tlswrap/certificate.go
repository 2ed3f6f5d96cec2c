package tlswrap

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	"vodmr/internal/sys"
)

// AnyClient is the CAFile that asks for a client's certificate whoever signed it and
// whatever its dates are: it only tells which public key the client has.
const AnyClient = "any"

// loadTLS reads the certificate with its chain, its key, and the authorities for
// clients' certificates if there is a CAFile, and says how TLS is spoken. A
// certificate that a customer would refuse is an error.
func loadTLS(certFile, keyFile, caFile string, now time.Time) (*tls.Config, error) {
	certificate, err := LoadCertificate(certFile, keyFile, now)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS12,
		CipherSuites: suites(),
		// A ticket is of no use: its key would die with this process.
		SessionTicketsDisabled: true,
		// Records are shaped by writeBlock alone.
		DynamicRecordSizingDisabled: true,
	}
	if caFile == AnyClient {
		config.ClientAuth = tls.RequestClientCert
	} else if caFile != "" {
		config.ClientAuth = tls.VerifyClientCertIfGiven
		if config.ClientCAs, err = loadAuthorities(caFile); err != nil {
			return nil, err
		}
	}
	return config, nil
}

// suites are those of TLS 1.2: forward secrecy and authenticated encryption
// only. Those of TLS 1.3 are all of that kind and cannot be chosen.
func suites() []uint16 {
	return []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}

// LoadCertificate reads a certificate with its chain, and its key. Both files may
// hold other blocks too, and may be the same. An error that comes beside a
// certificate is about its dates.
func LoadCertificate(certFile, keyFile string, now time.Time) (tls.Certificate, error) {
	none := tls.Certificate{}
	chain, err := sys.ReadFile(certFile)
	if err != nil {
		return none, fmt.Errorf("certificate: %w", err)
	}
	key, files := chain, certFile
	if keyFile != certFile {
		if key, err = sys.ReadFile(keyFile); err != nil {
			return none, fmt.Errorf("key: %w", err)
		}
		files += " with key " + keyFile
	}
	certificate, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return none, fmt.Errorf("certificate %s: %w", files, err)
	}
	return certificate, checkDates(certFile, certificate.Leaf, now)
}

func checkDates(file string, leaf *x509.Certificate, now time.Time) error {
	if now.After(leaf.NotAfter) {
		return fmt.Errorf("certificate %s: expired at %s", file, leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	if now.Before(leaf.NotBefore) {
		return fmt.Errorf("certificate %s: not valid before %s", file, leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

func loadAuthorities(file string) (*x509.CertPool, error) {
	pem, err := sys.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("authorities %s: holds no certificate", file)
	}
	return pool, nil
}

package fetch

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"strings"
	"time"

	"vodmr/internal/keyhash"
)

// A Key is what the customer logs in by in place of a password: TLS proves that it has the
// private key, and AUTH EXTERNAL (RFC 4422 appendix A) says which login is meant. The
// provider only needs the hash, which is no secret.
type Key struct {
	Certificate tls.Certificate // of the key; self-signed if nobody else signed one
	Hash        keyhash.Hash
}

// ParseKey takes a private key in PEM (PKCS #8, SEC 1 or PKCS #1), and its certificate with
// a chain if they stand beside it. Other blocks and lines count for nothing.
func ParseKey(text []byte) (*Key, error) {
	var private crypto.Signer
	certified := false
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		certified = certified || block.Type == "CERTIFICATE"
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue
		}
		if private != nil {
			return nil, errors.New("it holds two keys")
		}
		var err error
		if private, err = parsePrivate(block); err != nil {
			return nil, err
		}
	}
	if private == nil {
		return nil, errors.New("it holds no private key in PEM")
	}
	certificate, err := tls.X509KeyPair(text, text)
	if !certified {
		certificate, err = selfSign(private)
	}
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		return nil, err
	}
	return &Key{Certificate: certificate, Hash: sha256.Sum256(leaf.RawSubjectPublicKeyInfo)}, nil
}

func parsePrivate(block *pem.Block) (crypto.Signer, error) {
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("its key cannot be read: it must have no pass phrase")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("its key cannot sign")
	}
	return signer, nil
}

// selfSign makes a certificate that says nothing about its owner, since the key is what
// counts. Its last date means that it does not expire (RFC 5280 section 4.1.2.5).
func selfSign(private crypto.Signer) (tls.Certificate, error) {
	is := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "atrn"},
		NotBefore:    time.Now().AddDate(0, 0, -1), // for a clock that is slow
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, is, is, private.Public(), private)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, err
}

// ReadKey reads the key of a file that nobody else can read. A name without a slash is
// looked for among systemd's credentials first. The error is misuse, trouble that may pass, or
// fs.ErrNotExist.
func ReadKey(name string) (*Key, error) {
	text, path, err := readPrivate("key", "a private key", name)
	if err != nil {
		return nil, err
	}
	key, err := ParseKey(text)
	if err != nil {
		return nil, misuse("the key %s: %v", path, err)
	}
	return key, nil
}

// ReadOrMakeKey is ReadKey, and makes the file if there is none: a key, mode 0600, and a
// self-signed certificate for other programs. The key is ECDSA's of P-256, since each TLS
// library takes that from a client: LibreSSL and older ones have no Ed25519 there.
func ReadOrMakeKey(name string) (key *Key, made bool, err error) {
	if key, err = ReadKey(name); !errors.Is(err, fs.ErrNotExist) {
		return key, false, err
	}
	text, err := newKeyText()
	if err == nil {
		err = writeNew(name, text)
	}
	if err != nil {
		return nil, false, fileTrouble("cannot make the key", err)
	}
	key, err = ReadKey(name)
	return key, true, err
}

// newKeyText makes a key with its certificate, in PEM.
func newKeyText() ([]byte, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	certificate, err := selfSign(private)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = errors.Join(
		pem.Encode(&text, &pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}))
	return text.Bytes(), err
}

// writeNew makes a file that its owner alone can read. Half a file does not stay.
func writeNew(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(name)
	}
	return err
}

// Package records writes the records of TLS 1.3 one by one, as no library does: empty ones,
// tiny ones, changes of the keys without end. What comes back crypto/tls reads as usual.
package records

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net"
	"strings"
)

// The kinds of records, as RFC 8446 section 5.1 numbers them.
const (
	Alert       = 21
	Handshake   = 22
	Application = 23
)

// A Writer is one end of a connection after its handshake. Its Conn must be read from only:
// it does not know of the records that were written here.
type Writer struct {
	Conn   *tls.Conn
	below  net.Conn
	hash   func() hash.Hash
	key    int // its length in bytes
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	number uint64 // of the next record
}

// Client shakes hands as the client.
func Client(below net.Conn, config *tls.Config) (*Writer, error) {
	return shake(below, config, tls.Client, "CLIENT_TRAFFIC_SECRET_0")
}

// Server shakes hands as the server.
func Server(below net.Conn, config *tls.Config) (*Writer, error) {
	return shake(below, config, tls.Server, "SERVER_TRAFFIC_SECRET_0")
}

func shake(below net.Conn, config *tls.Config, end func(net.Conn, *tls.Config) *tls.Conn, secret string) (*Writer, error) {
	var log bytes.Buffer
	config = config.Clone()
	config.MinVersion, config.KeyLogWriter, config.SessionTicketsDisabled = tls.VersionTLS13, &log, true
	w := &Writer{Conn: end(below, config), below: below}
	if err := w.Conn.Handshake(); err != nil {
		return nil, err
	}
	switch suite := w.Conn.ConnectionState().CipherSuite; suite {
	case tls.TLS_AES_128_GCM_SHA256:
		w.hash, w.key = sha256.New, 16
	case tls.TLS_AES_256_GCM_SHA384:
		w.hash, w.key = sha512.New384, 32
	default:
		return nil, fmt.Errorf("records: cannot write those of %s", tls.CipherSuiteName(suite))
	}
	for line := range strings.Lines(log.String()) {
		if words := strings.Fields(line); words[0] == secret {
			text, err := hex.DecodeString(words[2])
			if err != nil {
				return nil, err
			}
			return w, w.use(text)
		}
	}
	return nil, fmt.Errorf("records: no %s in the key log", secret)
}

// use begins to write with the keys of a secret (RFC 8446 section 7.3).
func (w *Writer) use(secret []byte) error {
	key, err := w.expand(secret, "key", w.key)
	if err != nil {
		return err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	w.secret, w.number = secret, 0
	if w.aead, err = cipher.NewGCM(block); err != nil {
		return err
	}
	w.iv, err = w.expand(secret, "iv", w.aead.NonceSize())
	return err
}

// expand is HKDF-Expand-Label of section 7.1, with no context.
func (w *Writer) expand(secret []byte, label string, length int) ([]byte, error) {
	label = "tls13 " + label
	info := binary.BigEndian.AppendUint16(nil, uint16(length))
	info = append(append(info, byte(len(label))), label...)
	return hkdf.Expand(w.hash, secret, string(append(info, 0)), length)
}

// Seal returns one record.
func (w *Writer) Seal(kind byte, content []byte) []byte {
	inner := append(append([]byte(nil), content...), kind)
	header := []byte{Application, 3, 3}
	header = binary.BigEndian.AppendUint16(header, uint16(len(inner)+w.aead.Overhead()))
	nonce := append([]byte(nil), w.iv...)
	for i, b := range binary.BigEndian.AppendUint64(nil, w.number) {
		nonce[len(nonce)-8+i] ^= b
	}
	w.number++
	return w.aead.Seal(header, nonce, inner, header)
}

// SealKeyUpdate returns a change of the keys that asks the peer to change its own too
// (section 4.6.3). What is sealed from then on uses the new keys.
func (w *Writer) SealKeyUpdate() ([]byte, error) {
	const keyUpdate, requested = 24, 1
	record := w.Seal(Handshake, []byte{keyUpdate, 0, 0, 1, requested})
	next, err := w.expand(w.secret, "traffic upd", w.hash().Size())
	if err != nil {
		return nil, err
	}
	return record, w.use(next)
}

// Pour writes what next returns, again and again, until that is refused or the other end
// takes no more, and returns why.
func (w *Writer) Pour(next func() ([]byte, error)) error {
	for {
		record, err := next()
		if err != nil {
			return err
		}
		if err := w.Send(record); err != nil {
			return err
		}
	}
}

// Send sends what was sealed.
func (w *Writer) Send(record []byte) error {
	_, err := w.below.Write(record)
	return err
}

// Write sends text in one record.
func (w *Writer) Write(text []byte) (int, error) {
	return len(text), w.Send(w.Seal(Application, text))
}

var _ io.Writer = (*Writer)(nil)
